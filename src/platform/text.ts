/** Can PostgreSQL keep it as it is? Its text holds neither NUL nor half a surrogate pair: that would come back as another text. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000');
}

/** PostgreSQL's text takes neither NUL nor half a surrogate pair, and what a guest or a caller said may have either. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}
