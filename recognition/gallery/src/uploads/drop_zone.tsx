import { useEffect, useState } from "preact/hooks";
import { strings } from "../strings";
import { nameWithTime } from "./file_names";
import type { Uploads } from "./uploads";
import "./drop_zone.css";

/** Marks data that is dragged from this page. Its links and pictures are not new pictures. */
const OWN_DATA = "application/x-sightline";

/** Adds files and URLs that are dropped or pasted anywhere on the page. */
export function DropZone({ uploads, onAdded }: { uploads: Uploads; onAdded: () => void }) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    function add(data: DataTransfer, isPasted: boolean): boolean {
      const files = [...data.files].map((file) => (isPasted ? nameWithTime(file) : file));
      const urls = urlsIn(data);
      if (!files.length && !urls.length) return false;
      if (files.length) uploads.addFiles(files);
      else uploads.addUrls(urls);
      onAdded();
      return true;
    }
    return listen({
      dragstart: ({ dataTransfer }) => dataTransfer?.setData(OWN_DATA, ""),
      dragover(event) {
        if (!isAccepted(event.dataTransfer)) return;
        event.preventDefault();
        setOver(true);
      },
      dragleave({ relatedTarget }) {
        if (relatedTarget === null) setOver(false);
      },
      drop(event) {
        setOver(false);
        if (!isAccepted(event.dataTransfer)) return;
        event.preventDefault();
        add(event.dataTransfer!, false);
      },
      paste(event) {
        const isText = event.target instanceof HTMLInputElement;
        const data = event.clipboardData;
        if (!data || (isText && !data.files.length)) return;
        if (add(data, true)) event.preventDefault();
      },
    });
  }, []);
  return isOver ? (
    <div class="drop-zone">
      <p>{strings.dropHere}</p>
    </div>
  ) : null;
}

/** Add listeners to the document. Returns a function that removes them. */
function listen(listeners: { [Type in keyof DocumentEventMap]?: (event: DocumentEventMap[Type]) => void }) {
  const controller = new AbortController();
  for (const [type, listener] of Object.entries(listeners)) {
    document.addEventListener(type, listener as EventListener, { signal: controller.signal });
  }
  return () => controller.abort();
}

function isAccepted(data: DataTransfer | null): boolean {
  if (!data || data.types.includes(OWN_DATA)) return false;
  return data.types.some((type) => type === "Files" || type === "text/uri-list");
}

function urlsIn(data: DataTransfer): string[] {
  const text = data.getData("text/uri-list") || data.getData("text/plain");
  return text.split(/\s+/).filter((part) => /^https?:\/\/./.test(part));
}
