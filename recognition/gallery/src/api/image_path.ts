/**
 * Return a picture's name as a part of a URL's path. Slashes stay, unless browsers would change the path: they resolve
 * "." and "..", so such names are escaped as a whole.
 */
export function imagePath(image: string): string {
  const parts = image.split("/");
  if (parts.some((part) => ["", ".", ".."].includes(part))) return encodeURIComponent(image);
  return parts.map(encodeURIComponent).join("/");
}
