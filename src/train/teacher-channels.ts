// Written by `scripts/teacher/channels.mjs`; what it costs and saves: docs/decisions.md, "Speed".

/** Channels of the teacher's blocks 1 to 5 that hardly move, and their means: Local-Net takes them for constants. */
export const STILL_CHANNELS: readonly (readonly (readonly [channel: number, value: number])[])[] = [
  [
    [1, 0.0257],
    [12, 0.0271],
    [20, 0.0352],
    [28, 0.0028],
    [53, 0.0172],
    [92, 5.9011],
  ],
  [
    [20, 0.0001],
    [33, 0.0442],
    [62, 0.0018],
    [79, 0.0181],
    [86, 0.0001],
    [92, 0],
    [105, 0],
    [111, 0.0051],
  ],
  [
    [55, 2.9687],
    [63, 2.6051],
    [75, 0.0306],
    [129, 0.0282],
    [131, 0.0378],
    [132, 0.0766],
  ],
  [
    [54, 0.0026],
    [118, 0.0009],
    [120, 0.0021],
    [135, 0.0033],
    [166, 0],
  ],
  [
    [1, 0.0087],
    [14, 0.0057],
    [37, 0.0059],
    [41, 0.0082],
    [44, 0.0001],
    [46, 0.0171],
    [51, 0.0112],
    [52, 0.0056],
    [81, 0],
    [84, 0.0032],
    [103, 0.0014],
    [157, 0.0003],
  ],
];

/** Channels of the same blocks that are beyond 6 before an activation often enough to matter: Local-Net clips no others. */
export const CLIPPED_CHANNELS: readonly (readonly number[])[] = [
  [14, 22, 23, 24, 27, 32, 36, 43, 49, 50, 56, 65, 70, 77, 83, 90],
  [
    0, 2, 3, 5, 7, 10, 11, 13, 14, 16, 19, 21, 23, 30, 31, 32, 36, 43, 46, 49, 50, 52, 54, 56, 58, 63, 67, 76, 77, 80,
    82, 87, 90, 93, 95, 97, 98, 99, 101, 103, 107, 110, 119, 133, 135, 136, 139, 142,
  ],
  [11, 23, 29, 39, 46, 47, 52, 59, 65, 79, 101, 105, 114, 123, 127, 134],
  [],
  [],
];
