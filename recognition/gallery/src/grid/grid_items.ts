import { useMemo } from "preact/hooks";
import type { Upload } from "../uploads/upload";
import type { Uploads } from "../uploads/uploads";
import type { GridEntry, PictureList } from "./picture_list";

/** A tile of the grid: a listed picture, or an upload that is not listed yet. */
export type GridItem = { name: string; entry: GridEntry } | { name: string; upload: Upload };

/** Return the tiles in order: first the uploads that are not listed yet, then the pictures. */
export function useGridItems(pictures: PictureList, uploads: Uploads): GridItem[] {
  const entries = pictures.visible.value;
  const pending = pictures.isSearch.value
    ? []
    : pendingUploads(uploads.all.value, entries, pictures.unlisted.value);
  return useMemo(
    () => [
      ...pending.map((upload) => ({ name: upload.title, upload })),
      ...entries.map((entry) => ({ name: entry.image, entry })),
    ],
    [entries, pending.map((upload) => upload.id).join()],
  );
}

/** Return the uploads that are being recognised, or that are recognised and not listed yet. */
function pendingUploads(uploads: Upload[], entries: GridEntry[], unlisted: ReadonlyMap<string, string>): Upload[] {
  const pending = uploads.filter(({ title, progress: { value } }) =>
    value.is === "done" ? unlisted.get(title) === value.picture.uploaded_at : value.is === "recognizing",
  );
  if (!pending.length) return pending;
  const listed = new Set(entries.map((entry) => entry.image));
  return pending.filter((upload) => !listed.has(upload.title));
}

/** Return the preview of the upload that became the picture. The file of a refused upload is a different picture. */
export function previewOf(uploads: Upload[], image: string): string | null {
  const isSource = ({ title, progress: { value } }: Upload) =>
    title === image && (value.is === "recognizing" || value.is === "done");
  return uploads.find(isSource)?.preview ?? null;
}
