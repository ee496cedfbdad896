/** Tells files apart by the signatures of `common/imaging/pictures.py` and the endings that `sightline ingest` has. */

/** The endings of files' names, as cameras, phones and browsers write them. */
const ENDINGS: Record<string, string[]> = {
  "image/jpeg": ["jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "mpo"],
  "image/png": ["png", "apng"],
  "image/webp": ["webp"],
  "image/avif": ["avif", "avifs"],
  "image/heic": ["heic", "heics", "heif", "heifs", "hif"],
  "image/gif": ["gif"],
  "image/tiff": ["tif", "tiff"],
  "image/bmp": ["bmp", "dib"],
};

/** The first bytes of files. AVIF comes before HEIC: its files may name brands of HEIC too. */
const SIGNATURES: [type: string, start: RegExp][] = [
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/png", /^\x89PNG\r\n\x1a\n/],
  ["image/webp", /^RIFF....WEBP/s],
  ["image/avif", /^....ftyp.*avi[fs]/s],
  ["image/heic", /^....ftyp.*(?:hei[cxms]|hev[cxms]|miaf|mif[12]|msf1)/s],
  ["image/gif", /^GIF8[79]a/],
  ["image/tiff", /^(?:II[*+]\0|MM\0[*+])/],
  ["image/bmp", /^BM.*\0/s],
];
const SIGNATURE_BYTES = 64;

const VIDEO = /.\.(?:mov|mp4|m4v|avi|mkv|webm|mpe?g|3gp|3g2|m2?ts|wmv|flv|ogv|vob|asf|insv)$/i;

/** The value of a file field's `accept` attribute. Some systems know no media type for some of the endings. */
export const ACCEPTED_FILES = Object.entries(ENDINGS)
  .flatMap(([type, endings]) => [type, ...endings.map((ending) => `.${ending}`)])
  .join(",");

/** Return the media type of a picture by its first bytes, else by its name. Returns null for other files. */
export async function mediaType(file: File): Promise<string | null> {
  if (isMetadata(file.name)) return null;
  const bytes = new Uint8Array(await file.slice(0, SIGNATURE_BYTES).arrayBuffer());
  const start = String.fromCharCode(...bytes);
  const ending = /.\.([^.]+)$/.exec(file.name)?.[1]?.toLowerCase() ?? "";
  return (
    SIGNATURES.find(([, signature]) => signature.test(start))?.[0] ??
    Object.keys(ENDINGS).find((type) => ENDINGS[type]!.includes(ending)) ??
    null
  );
}

/** Return true for files such as "._cat.jpg". macOS writes metadata into them on disks of other systems. */
export const isMetadata = (name: string) => name.startsWith("._");

export const isVideo = (name: string) => VIDEO.test(name);
