/** Return the last part of a URL's path: the service uses it to name a picture without a name. */
export function nameFromUrl(url: string): string | null {
  try {
    return decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? "") || null;
  } catch {
    return null;
  }
}

/** Return the name with the next number, as in "cat (2).jpg". */
export function numberedName(name: string): string {
  const [, stem = name, number, end = ""] = /^(.*?)(?: \((\d{1,4})\))?(\.[^./]*)?$/.exec(name) ?? [];
  return `${stem} (${Number(number ?? 1) + 1})${end}`;
}

/** Add the time to the name of a pasted picture: browsers name each of them "image.png". */
export function nameWithTime(file: File): File {
  if (file.name !== "image.png") return file;
  const time = new Date().toISOString().slice(0, 23).replaceAll(/[:.]/g, "-");
  return new File([file], `pasted-${time}.png`, { type: file.type });
}
