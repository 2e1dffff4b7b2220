import { SideglanceError } from '../../errors.js';

/** Which addresses a device may be made to ask for something. Whoever may send commands could otherwise reach through it. */
export class AllowedUrls {
  readonly #below: readonly URL[];

  /** @param below URLs; every address below one of them is allowed */
  constructor(below: readonly string[]) {
    this.#below = below.map((url) => new URL(url));
  }

  /** @throws SideglanceError `SG_BUNDLE_URL` */
  check(text: string): URL {
    if (this.#below.length === 0) {
      throw refuse(
        'nothing may be fetched on this device. Name the places that it may fetch from as `models.download.from`',
      );
    }
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !['http:', 'https:'].includes(url.protocol)) {
      throw refuse(`${JSON.stringify(text.slice(0, 200))} is no address of HTTP or HTTPS`);
    }
    if (url.username !== '' || url.password !== '') {
      throw refuse(
        `${shownUrl(url)} was given with a user or a password. Leave that to \`models.download.authorizationFile\``,
      );
    }
    // What a server might take for a separator would lead out of the path that is allowed.
    if (!/%2f|%5c|%00/i.test(url.pathname) && this.#below.some((prefix) => isBelow(url, prefix))) return url;
    throw refuse(`${shownUrl(url)} is not below an address of \`models.download.from\``);
  }
}

/** Without what may be a secret: a query often is the permission to fetch. */
export function shownUrl({ origin, pathname }: URL): string {
  return `${origin}${pathname}`;
}

function isBelow({ origin, pathname }: URL, prefix: URL): boolean {
  if (origin !== prefix.origin || !pathname.startsWith(prefix.pathname)) return false;
  return prefix.pathname.endsWith('/') || ['', '/'].includes(pathname.charAt(prefix.pathname.length));
}

function refuse(message: string): SideglanceError {
  return new SideglanceError('SG_BUNDLE_URL', message);
}
