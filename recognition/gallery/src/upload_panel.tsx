import { useEffect, useRef, useState } from "preact/hooks";
import { announce } from "./announce";
import { open } from "./address";
import { Cross } from "./icons";
import { Placeholder } from "./thumbnail";
import { strings } from "./strings";
import { ACCEPTED, otherName, type Upload, type Uploads } from "./uploads";

/** What is on its way in, and what has become of it. */
export function UploadPanel({ uploads }: { uploads: Uploads }) {
  const all = uploads.all.value;
  if (!all.length) return null;
  const going = all.filter((upload) => !upload.isOver).length;
  const stored = all.filter((upload) => upload.isStored);
  return (
    <section class="uploads card" aria-label={strings.uploads}>
      <div class="uploads-head">
        <h2>{going ? strings.uploadsGoing(going) : strings.uploads}</h2>
        {stored.length > 0 && (
          <button class="quiet" onClick={() => uploads.drop(stored)}>
            {strings.clearUploads}
          </button>
        )}
      </div>
      <ul>
        {all.map((upload) => (
          <Line key={upload.id} upload={upload} uploads={uploads} />
        ))}
      </ul>
    </section>
  );
}

function Line({ upload, uploads }: { upload: Upload; uploads: Uploads }) {
  const progress = upload.progress.value;
  const { title } = upload;
  const drop = ["waiting", "sending"].includes(progress.is) ? strings.stopUpload(title) : strings.dropUpload(title);
  useEffect(() => {
    if (progress.is === "done") announce(strings.seenToSay(title, progress.picture.labels.map((label) => label.name)));
    if (progress.is === "failed") announce(strings.failedToSay(title, progress.problem));
    if (progress.is === "taken") announce(strings.failedToSay(title, strings.taken));
  }, [progress.is]);
  return (
    <li class={`upload ${progress.is}`}>
      <span class="upload-preview">{upload.preview ? <Preview address={upload.preview} /> : <Placeholder />}</span>
      <span class="upload-name" title={title}>
        {progress.is === "done" ? (
          <button class="link" aria-label={strings.openPicture(title)} onClick={() => open(title)}>
            {title}
          </button>
        ) : (
          title
        )}
      </span>
      <span class="upload-state">
        <State upload={upload} uploads={uploads} />
      </span>
      <button
        class="icon-button"
        aria-label={drop}
        title={drop}
        onClick={() => uploads.drop([upload])}
      >
        <Cross />
      </button>
    </li>
  );
}

function State({ upload, uploads }: { upload: Upload; uploads: Uploads }) {
  const progress = upload.progress.value;
  switch (progress.is) {
    case "waiting":
    case "recognizing":
    case "late":
      return <>{strings[progress.is]}</>;
    case "sending":
      if (progress.part === null) return <>{strings.fetching}</>;
      return (
        <>
          <progress max="1" value={progress.part} aria-label={strings.sendingNamed(upload.title)} />
          {strings.sending(progress.part)}
        </>
      );
    case "done": {
      const { failure, labels } = progress.picture;
      if (failure) return <span class="problem">{strings.failure(failure.message, failure.code)}</span>;
      return <>{strings.seen(labels.map((label) => label.name))}</>;
    }
    case "failed":
      return (
        <>
          <span class="problem">{progress.problem}</span>{" "}
          <button class="quiet" onClick={() => uploads.again(upload)}>
            {strings.again}
          </button>
        </>
      );
    case "taken":
      return <Taken upload={upload} uploads={uploads} />;
  }
}

/** Its name is taken: it takes another, or the place of what has it. */
function Taken({ upload, uploads }: { upload: Upload; uploads: Uploads }) {
  const [name, setName] = useState(otherName(upload.title));
  return (
    <form
      class="taken-form"
      onSubmit={(event) => {
        event.preventDefault();
        uploads.again(upload, { name });
      }}
    >
      <span class="problem">{strings.taken}</span>
      <input aria-label={strings.otherName} value={name} required onInput={(e) => setName(e.currentTarget.value)} />
      <button class="quiet">{strings.addAs}</button>
      <button class="quiet" type="button" onClick={() => uploads.again(upload, { overwrite: true })}>
        {strings.replace}
      </button>
    </form>
  );
}

function Preview({ address }: { address: string }) {
  const [isShown, setShown] = useState(true);
  return isShown ? <img src={address} alt="" loading="lazy" onError={() => setShown(false)} /> : <Placeholder />;
}

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
      class="add card"
      aria-labelledby="add-title"
      onClose={() => dialog.current && onClose()} // by Escape
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <div class="facts-head">
        <h2 id="add-title">{strings.addTitle}</h2>
        <button class="icon-button" aria-label={strings.back} title={strings.back} onClick={onClose}>
          <Cross />
        </button>
      </div>
      <p>{strings.dropAbout}</p>
      <label class="choose">
        <input
          type="file"
          multiple
          accept={ACCEPTED}
          onChange={(event) => {
            uploads.addFiles(event.currentTarget.files ?? []);
            onClose();
          }}
        />
        <span class="primary">{strings.choose}</span>
      </label>
      <form
        class="by-url"
        onSubmit={(event) => {
          event.preventDefault();
          const field = event.currentTarget.elements.namedItem("url") as HTMLInputElement;
          uploads.addUrls([field.value]);
          onClose();
        }}
      >
        <label for="url">{strings.url}</label>
        <input id="url" name="url" type="url" pattern="https?://.+" required placeholder={strings.urlHint} />
        <button class="primary">{strings.addUrl}</button>
      </form>
    </dialog>
  );
}

/** Takes what is dropped or pasted anywhere on the page. */
export function DropZone({ uploads, onTaken }: { uploads: Uploads; onTaken: () => void }) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const wanted = ({ dataTransfer }: DragEvent) =>
      dataTransfer !== null &&
      dataTransfer.types.some((type) => type === "Files" || type === "text/uri-list") &&
      !dataTransfer.types.includes(OURS);
    const onDragStart = ({ dataTransfer }: DragEvent) => dataTransfer?.setData(OURS, "");
    function onDragOver(event: DragEvent) {
      if (!wanted(event)) return;
      event.preventDefault();
      setOver(true);
    }
    function onDragLeave(event: DragEvent) {
      if (event.relatedTarget === null) setOver(false);
    }
    function onDrop(event: DragEvent) {
      setOver(false);
      if (!wanted(event)) return;
      event.preventDefault();
      take(event.dataTransfer!, false);
    }
    function onPaste(event: ClipboardEvent) {
      const isText = event.target instanceof HTMLInputElement;
      const { clipboardData } = event;
      if (!clipboardData || (isText && !clipboardData.files.length)) return;
      if (take(clipboardData, true)) event.preventDefault();
    }
    function take(given: DataTransfer, isPasted: boolean): boolean {
      const files = [...given.files].map((file) => (isPasted ? named(file) : file));
      const urls = (given.getData("text/uri-list") || given.getData("text/plain")).split(/\s+/).filter(isUrl);
      if (!files.length && !urls.length) return false;
      if (files.length) uploads.addFiles(files);
      else uploads.addUrls(urls);
      onTaken();
      return true;
    }
    document.addEventListener("dragstart", onDragStart);
    document.addEventListener("dragover", onDragOver);
    document.addEventListener("dragleave", onDragLeave);
    document.addEventListener("drop", onDrop);
    document.addEventListener("paste", onPaste);
    return () => {
      document.removeEventListener("dragstart", onDragStart);
      document.removeEventListener("dragover", onDragOver);
      document.removeEventListener("dragleave", onDragLeave);
      document.removeEventListener("drop", onDrop);
      document.removeEventListener("paste", onPaste);
    };
  }, []);
  return isOver ? (
    <div class="drop">
      <p>{strings.dropHere}</p>
    </div>
  ) : null;
}

/** Marks what is dragged from the page itself: its links and pictures are no pictures to add. */
const OURS = "application/x-sightline";

const isUrl = (text: string) => /^https?:\/\/./.test(text);

/** Every picture out of a clipboard is called image.png. */
function named(file: File): File {
  if (file.name !== "image.png") return file;
  const moment = new Date().toISOString().slice(0, 23).replaceAll(/[:.]/g, "-");
  return new File([file], `pasted-${moment}.png`, { type: file.type });
}
