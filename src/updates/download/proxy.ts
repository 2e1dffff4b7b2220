/** Which proxy an address is asked for through, as curl and others read the environment. */

/**
 * @param configured for every address, whatever the environment says
 * @returns the proxy's URL, with user and password where the environment names them; null: none
 */
export function proxyFor(
  { protocol, hostname, port }: URL,
  configured: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string | null {
  if (configured !== undefined) return configured;
  const named = (name: string) => environment[name.toLowerCase()] || environment[name] || null;
  const proxy = protocol === 'https:' ? named('HTTPS_PROXY') : named('HTTP_PROXY');
  if (proxy === null || !URL.canParse(proxy)) return null;
  const exceptions = (named('NO_PROXY') ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  return exceptions.some((entry) => isException(entry.toLowerCase(), hostname, port || portOf(protocol)))
    ? null
    : proxy;
}

/** `*`, a host and all below it, with or without a dot before it, and with or without a port. */
function isException(entry: string, hostname: string, port: string): boolean {
  if (entry === '*') return true;
  const [, host = '', only] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  const bare = host.replace(/^\*?\./, '');
  return (only === undefined || only === port) && (hostname === bare || hostname.endsWith(`.${bare}`));
}

function portOf(protocol: string): string {
  return protocol === 'https:' ? '443' : '80';
}
