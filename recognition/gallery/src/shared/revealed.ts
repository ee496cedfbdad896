import { signal } from "@preact/signals";

/** The hidden pictures that the reader has chosen to see during this visit. */
const revealed = signal<ReadonlySet<string>>(new Set());

interface Version {
  image: string;
  uploaded_at: string;
  hidden?: boolean;
}

const keyOf = ({ image, uploaded_at }: Version) => `${uploaded_at} ${image}`;

/** Return true if the picture is to be blurred. */
export const isBlurred = (picture: Version) => picture.hidden === true && !revealed.value.has(keyOf(picture));

/** Show a hidden picture, in the grid and in the viewer. */
export function reveal(picture: Version) {
  revealed.value = new Set([...revealed.value, keyOf(picture)]);
}
