/** How an anomaly map can be published, and as what content type. */
export const MAP_MEDIA_TYPES = {
  png8: 'image/png',
  png16: 'image/png',
  float16: 'application/vnd.sideglance.map',
  overlay: 'image/jpeg',
} as const;

export type MapForm = keyof typeof MAP_MEDIA_TYPES;

export const MAP_FORMS = Object.keys(MAP_MEDIA_TYPES) as [MapForm, ...MapForm[]];
