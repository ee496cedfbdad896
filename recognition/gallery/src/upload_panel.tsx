import { useEffect, useRef, useState } from "preact/hooks";
import { announce } from "./announce";
import type { Picture } from "./api";
import { open } from "./address";
import { Cross, Warning } from "./icons";
import { ShortName } from "./short_name";
import { Preview } from "./thumbnail";
import { strings } from "./strings";
import { ACCEPTED, type Choice, otherName, type Upload, type Uploads } from "./uploads";

const NAME_END = 18; // characters

/** Uploads: those that are sent, those that wait for a choice, and those that are over. */
export function UploadPanel({ uploads }: { uploads: Uploads }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const all = uploads.all.value;
  if (!all.length) return null;
  const going = all.filter((upload) => !upload.isOver).length;
  const settled = all.filter((upload) => upload.isSettled);
  /** Keep the focus in the panel, though what had it is gone with what it did. */
  const keepFocus = () =>
    requestAnimationFrame(() => document.activeElement === document.body && heading.current?.focus());
  return (
    <section class="uploads card" aria-label={strings.uploads} onClick={keepFocus} onSubmit={keepFocus}>
      <div class="uploads-head">
        <h2 ref={heading} tabIndex={-1}>
          {going ? strings.uploadsGoing(going) : strings.uploads}
        </h2>
        {settled.length > 0 && (
          <button class="quiet" onClick={() => uploads.drop(settled)}>
            {strings.clearUploads}
          </button>
        )}
      </div>
      <Choices uploads={uploads} />
      <ul>
        {all.map((upload) => (
          <Line key={upload.id} upload={upload} uploads={uploads} />
        ))}
      </ul>
    </section>
  );
}

/** One choice for all files that have the names of other pictures. */
function Choices({ uploads }: { uploads: Uploads }) {
  const number = uploads.taken.length;
  useEffect(() => {
    if (number > 1) announce(strings.manyTaken(number));
  }, [number > 1]);
  if (number < 2) return null;
  const choices: [Choice, string][] = [
    ["skip", strings.skipAll],
    ["replace", strings.replaceAll],
    ["keep", strings.keepBoth],
  ];
  return (
    <div class="choices" role="group" aria-label={strings.manyTaken(number)}>
      <p>{strings.manyTaken(number)}</p>
      {choices.map(([choice, words]) => (
        <button key={choice} class="quiet" onClick={() => uploads.chooseForAll(choice)}>
          {words}
        </button>
      ))}
    </div>
  );
}

function Line({ upload, uploads }: { upload: Upload; uploads: Uploads }) {
  const progress = upload.progress.value;
  const { title } = upload;
  const drop = ["waiting", "sending"].includes(progress.is) ? strings.stopUpload(title) : strings.dropUpload(title);
  useEffect(() => {
    if (progress.is === "done") announce(`${title}: ${outcome(progress.picture, progress.wasThere)}`);
    if (progress.is === "failed") announce(strings.failedToSay(title, progress.problem));
    if (progress.is === "taken") announce(strings.failedToSay(title, strings.taken));
  }, [progress.is]);
  return (
    <li class={`upload ${progress.is}`}>
      <span class="upload-preview">
        <Preview address={upload.preview} />
      </span>
      <span class="upload-name">
        {progress.is === "done" ? (
          <button class="link" aria-label={strings.openPicture(title)} onClick={() => open(title)}>
            <ShortName name={title} end={NAME_END} />
          </button>
        ) : (
          <ShortName name={title} end={NAME_END} />
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
    case "skipped":
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
      const words = outcome(progress.picture, progress.wasThere);
      return progress.picture.failure ? <Problem words={words} /> : <>{words}</>;
    }
    case "failed":
      return (
        <>
          <Problem words={progress.problem} />{" "}
          {progress.canRetry && (
            <button class="quiet" onClick={() => uploads.again(upload)}>
              {strings.again}
            </button>
          )}
        </>
      );
    case "taken":
      return <Taken upload={upload} uploads={uploads} />;
  }
}

/** What was recognised, or why nothing can be. */
function outcome({ failure, labels }: Picture, wasThere: boolean): string {
  const words = failure ? strings.failure(failure.message, failure.code) : strings.seen(labels.map(({ name }) => name));
  return wasThere ? strings.wasThere(words) : words;
}

function Problem({ words }: { words: string }) {
  return (
    <span class="problem">
      <Warning /> {words}
    </span>
  );
}

/** Asks for another name, or for the place of the picture that has this one. */
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
      <Problem words={strings.taken} />
      <input aria-label={strings.otherName} value={name} required onInput={(e) => setName(e.currentTarget.value)} />
      <button class="quiet">{strings.addAs}</button>
      <button class="quiet" type="button" onClick={() => uploads.again(upload, { overwrite: true })}>
        {strings.replace}
      </button>
    </form>
  );
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
