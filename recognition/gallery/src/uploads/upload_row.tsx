import { useEffect, useState } from "preact/hooks";
import { showImage } from "../address";
import type { Picture } from "../api/documents";
import { announce } from "../shared/announcements";
import { Cross, Warning } from "../shared/icons";
import { Preview } from "../shared/preview";
import { ShortName } from "../shared/short_name";
import { strings } from "../strings";
import { numberedName } from "./file_names";
import type { Upload } from "./upload";
import type { Uploads } from "./uploads";
import "./upload_row.css";

const NAME_END = 18; // characters

interface Properties {
  upload: Upload;
  uploads: Uploads;
}

export function UploadRow({ upload, uploads }: Properties) {
  const progress = upload.progress.value;
  const { title } = upload;
  const removal = ["waiting", "sending"].includes(progress.is) ? strings.cancelUpload(title) : strings.removeUpload(title);
  const name = <ShortName name={title} end={NAME_END} />;
  useEffect(() => {
    if (progress.is === "done") announce(strings.uploadNews(title, outcome(progress.picture, progress.wasStored)));
    if (progress.is === "failed") announce(strings.uploadNews(title, progress.problem));
    if (progress.is === "taken") announce(strings.uploadNews(title, strings.taken));
  }, [progress.is]);
  return (
    <li class={`upload ${progress.is}`}>
      <span class="upload-preview">
        <Preview url={upload.preview} />
      </span>
      <span class="upload-name">
        {progress.is === "done" ? (
          <button class="link-button" aria-label={strings.openPicture(title)} onClick={() => showImage(title)}>
            {name}
          </button>
        ) : (
          name
        )}
      </span>
      <span class="upload-state icon-line">
        <UploadState upload={upload} uploads={uploads} />
      </span>
      <button class="icon-button" aria-label={removal} title={removal} onClick={() => uploads.remove([upload])}>
        <Cross />
      </button>
    </li>
  );
}

function UploadState({ upload, uploads }: Properties) {
  const progress = upload.progress.value;
  switch (progress.is) {
    case "waiting":
    case "recognizing":
    case "late":
    case "skipped":
      return <>{strings[progress.is]}</>;
    case "sending":
      return <Sending title={upload.title} part={progress.part} />;
    case "done": {
      const text = outcome(progress.picture, progress.wasStored);
      return progress.picture.failure ? <Problem text={text} /> : <>{text}</>;
    }
    case "failed":
      return (
        <>
          <Problem text={progress.problem} />{" "}
          {progress.canRetry && (
            <button class="text-button" onClick={() => uploads.retry(upload)}>
              {strings.tryAgain}
            </button>
          )}
        </>
      );
    case "taken":
      return <NameTakenForm upload={upload} uploads={uploads} />;
  }
}

function Sending({ title, part }: { title: string; part: number | null }) {
  if (part === null) return <>{strings.fetching}</>;
  return (
    <>
      <progress max="1" value={part} aria-label={strings.sendingNamed(title)} />
      {strings.sending(part)}
    </>
  );
}

/** Return the labels of a picture, or the reason why it cannot be recognised. */
function outcome({ failure, labels }: Picture, wasStored: boolean): string {
  const text = failure ? strings.failure(failure.message, failure.code) : strings.found(labels.map(({ name }) => name));
  return wasStored ? strings.alreadyStored(text) : text;
}

function Problem({ text }: { text: string }) {
  return (
    <span class="problem">
      <Warning /> {text}
    </span>
  );
}

/** Asks for another name, or for the permission to replace the picture that has this name. */
function NameTakenForm({ upload, uploads }: Properties) {
  const [name, setName] = useState(numberedName(upload.title));
  function onSubmit(event: SubmitEvent) {
    event.preventDefault();
    uploads.retry(upload, { name });
  }
  return (
    <form class="name-taken" onSubmit={onSubmit}>
      <Problem text={strings.taken} />
      <input
        class="text-field"
        aria-label={strings.otherName}
        value={name}
        required
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button class="text-button choice-button">{strings.useName}</button>
      <button
        class="text-button choice-button"
        type="button"
        onClick={() => uploads.retry(upload, { overwrite: true })}
      >
        {strings.replace}
      </button>
    </form>
  );
}
