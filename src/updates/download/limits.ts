export interface DownloadLimits {
  /** From one address to the next. */
  readonly redirects: number;
  readonly connectMs: number;
  /** Without a byte from the server. */
  readonly idleMs: number;
  /** Of all attempts together. */
  readonly totalMs: number;
  /** One after the other that brought nothing. */
  readonly attemptsInVain: number;
  /** Before the second attempt; twice as long before each that follows, up to `longestWaitMs`. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

export const DOWNLOAD_LIMITS: DownloadLimits = {
  redirects: 5,
  connectMs: 10_000,
  idleMs: 30_000,
  totalMs: 6 * 3_600_000,
  attemptsInVain: 8,
  firstWaitMs: 1_000,
  longestWaitMs: 60_000,
};
