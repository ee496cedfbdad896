import { useEffect, useRef } from "preact/hooks";
import { DialogHeading } from "../shared/dialog_heading";
import { strings } from "../strings";
import { ACCEPTED_FILES } from "./file_types";
import type { Uploads } from "./uploads";
import "./add_dialog.css";

/** Asks for files or a URL. */
export function AddDialog({ uploads, onClose }: { uploads: Uploads; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="add-dialog card"
      aria-labelledby="add-title"
      onClose={() => dialog.current && onClose()} // the Escape key closed the dialog
      onClick={(event) => event.target === dialog.current && onClose()} // a click outside the card
    >
      <DialogHeading id="add-title" title={strings.add} onClose={onClose} />
      <p>{strings.dropAbout}</p>
      <label class="file-button">
        <input
          type="file"
          multiple
          accept={ACCEPTED_FILES}
          onChange={(event) => {
            uploads.addFiles(event.currentTarget.files ?? []);
            onClose();
          }}
        />
        <span class="primary-button">{strings.choose}</span>
      </label>
      <UrlForm
        onSubmit={(url) => {
          uploads.addUrls([url]);
          onClose();
        }}
      />
    </dialog>
  );
}

function UrlForm({ onSubmit }: { onSubmit: (url: string) => void }) {
  function submit(event: SubmitEvent) {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    onSubmit((form.elements.namedItem("url") as HTMLInputElement).value);
  }
  return (
    <form class="url-form" onSubmit={submit}>
      <label for="url">{strings.url}</label>
      <input
        id="url"
        name="url"
        class="text-field"
        type="url"
        pattern="https?://.+"
        required
        placeholder={strings.urlHint}
      />
      <button class="primary-button">{strings.addUrl}</button>
    </form>
  );
}
