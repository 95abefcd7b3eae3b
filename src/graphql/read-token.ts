/** `{authorization: "Bearer …"}`; tools that put it among `headers` are understood too. */
export function readToken(parameters: Readonly<Record<string, unknown>> | undefined): string | null {
  const headers = parameters?.['headers'] as Record<string, unknown> | undefined;
  const value =
    parameters?.['authorization'] ??
    parameters?.['Authorization'] ??
    headers?.['authorization'] ??
    headers?.['Authorization'];
  const [, token] = typeof value === 'string' ? (/^Bearer (\S+)$/i.exec(value) ?? []) : [];
  return token ?? null;
}
