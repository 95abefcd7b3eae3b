/** Can PostgreSQL keep it as it is? Its text holds neither NUL nor half a surrogate pair: that would come back as another text. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}
