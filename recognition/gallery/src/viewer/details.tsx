import type { Api } from "../api/api";
import type { Picture } from "../api/documents";
import { EmptyViewfinder, TrashCan, Warning } from "../shared/icons";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import { Deliveries } from "./deliveries";
import { type FoundGroup, foundGroups, labelItems } from "./found_items";
import type { Highlight } from "./highlight";
import { ItemList } from "./item_list";
import { TextList } from "./text_list";
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
      <ItemList name={strings.labels} items={labelItems(picture.labels)} highlight={highlight} />
      {picture.truncated && <p class="note">{strings.truncated}</p>}
      {foundGroups(picture).map((group) => (
        <Findings key={group.name} group={group} highlight={highlight} />
      ))}
      <PropertyList api={api} picture={picture} />
      <button class="danger-button" onClick={onDelete}>
        <TrashCan /> {strings.delete}
      </button>
    </>
  );
}

/** Shows what one ability found, or why it can never answer. */
function Findings({ group: { name, items, result }, highlight }: { group: FoundGroup; highlight: Highlight }) {
  const { failure, truncated } = result;
  const title = strings.abilities[name];
  return (
    <section class={`findings ${name}`}>
      <h3>{title}</h3>
      {failure && <p class="problem">{strings.failure(failure.message, failure.code)}</p>}
      {!failure && !items.length && !truncated && <p class="note">{strings.nothingOfKind}</p>}
      {name === "text" ? (
        <TextList items={items} highlight={highlight} />
      ) : (
        <ItemList name={title} items={items} highlight={highlight} />
      )}
      {truncated && <p class="note">{strings.findingsTruncated}</p>}
    </section>
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
