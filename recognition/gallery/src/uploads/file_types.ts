/** The media types that the service accepts, by file extension. Some systems do not know the type of a file. */
const MEDIA_TYPES: Record<string, string> = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  avif: "image/avif",
  heic: "image/heic",
  heif: "image/heic",
  gif: "image/gif",
  tif: "image/tiff",
  tiff: "image/tiff",
  bmp: "image/bmp",
};

/** The value of a file field's `accept` attribute. */
export const ACCEPTED_FILES = [...new Set(Object.values(MEDIA_TYPES)), ".heic", ".heif"].join(",");

/** Return the media type of a picture, or null if the service does not accept the file. */
export function mediaType(file: File): string | null {
  if (Object.values(MEDIA_TYPES).includes(file.type)) return file.type;
  return MEDIA_TYPES[/\.([^.]+)$/.exec(file.name)?.[1]?.toLowerCase() ?? ""] ?? null;
}
