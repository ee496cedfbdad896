import type { Api } from "../api/api";
import type { Picture } from "../api/documents";
import { EmptyViewfinder, TrashCan, Warning } from "../shared/icons";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import { Deliveries } from "./deliveries";
import { type Highlight, LabelList } from "./label_list";
import "./details.css";

interface Properties {
  api: Api;
  picture: Picture;
  highlight: Highlight;
  onDelete: () => void;
}

/** Shows the record of a picture. */
export function Details({ api, picture, highlight, onDelete }: Properties) {
  return (
    <>
      <Status picture={picture} />
      <LabelList labels={picture.labels} highlight={highlight} />
      {picture.truncated && <p class="note">{strings.truncated}</p>}
      <PropertyList api={api} picture={picture} />
      <button class="danger-button" onClick={onDelete}>
        <TrashCan /> {strings.delete}
      </button>
    </>
  );
}

function Status({ picture: { failure, labels, status } }: { picture: Picture }) {
  return (
    <p class={status === "FAILED" ? "status failed icon-line" : "status icon-line"}>
      {failure ? <Warning /> : !labels.length && <EmptyViewfinder />}{" "}
      {failure
        ? strings.failure(failure.message, failure.code)
        : labels.length
          ? strings.recognized
          : strings.noLabels}
    </p>
  );
}

function PropertyList({ api, picture }: { api: Api; picture: Picture }) {
  const { failure, image, uploaded_at, recognized_at, size, model, source_url } = picture;
  return (
    <dl class="properties">
      <dt>{strings.uploaded}</dt>
      <dd>{strings.time(uploaded_at)}</dd>
      <dt>{failure ? strings.failedAt : strings.recognizedAt}</dt>
      <dd>{strings.time(recognized_at)}</dd>
      {size !== null && (
        <>
          <dt>{strings.fileSize}</dt>
          <dd>{strings.size(size)}</dd>
        </>
      )}
      {model && (
        <>
          <dt>{strings.model}</dt>
          <dd>
            <VisibleText text={model} />
          </dd>
        </>
      )}
      <dt>{strings.source}</dt>
      <dd>
        <Source url={source_url} />
      </dd>
      <dt>{strings.deliveries}</dt>
      <dd>
        <Deliveries api={api} image={image} recognizedAt={recognized_at} />
      </dd>
    </dl>
  );
}

function Source({ url }: { url: string | null }) {
  if (!url || !/^https?:/i.test(url)) return url ? <VisibleText text={url} /> : <>{strings.direct}</>;
  return (
    <a href={url} target="_blank" rel="noreferrer noopener">
      <VisibleText text={url} />
    </a>
  );
}
