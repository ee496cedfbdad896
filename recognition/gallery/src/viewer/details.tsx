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
  const groups = foundGroups(picture);
  const empty = groups.filter(isEmpty);
  return (
    <>
      <Status picture={picture} isEmpty={!picture.labels.length && empty.length === groups.length} />
      <ItemList name={strings.labels} items={labelItems(picture.labels)} highlight={highlight} />
      {picture.truncated && <p class="note">{strings.truncated}</p>}
      {groups.map((group) => !isEmpty(group) && <Findings key={group.name} group={group} highlight={highlight} />)}
      {empty.length > 0 && (
        <p class="findings note">{strings.nothingFoundOf(empty.map(({ name }) => strings.abilities[name]))}</p>
      )}
      <PropertyList api={api} picture={picture} />
      <button class="danger-button" onClick={onDelete}>
        <TrashCan /> {strings.delete}
      </button>
    </>
  );
}

/** Return true if an ability answered that there is nothing. */
const isEmpty = ({ items, result }: FoundGroup) => !items.length && !result.failure && !result.truncated;

/** Shows what one ability found, or why it can never answer. */
function Findings({ group: { name, items, result }, highlight }: { group: FoundGroup; highlight: Highlight }) {
  const { failure, truncated } = result;
  const title = strings.abilities[name];
  return (
    <section class={`findings ${name}`}>
      <h3>{title}</h3>
      {failure && <p class="problem">{strings.failure(failure.message, failure.code)}</p>}
      {name === "text" ? (
        <TextList items={items} highlight={highlight} />
      ) : (
        <ItemList name={title} items={items} highlight={highlight} />
      )}
      {truncated && <p class="note">{strings.findingsTruncated}</p>}
    </section>
  );
}

function Status({ picture: { failure, status }, isEmpty }: { picture: Picture; isEmpty: boolean }) {
  return (
    <p class={status === "FAILED" ? "status failed icon-line" : "status icon-line"}>
      {failure ? <Warning /> : isEmpty && <EmptyViewfinder />}{" "}
      {failure
        ? strings.failure(failure.message, failure.code)
        : isEmpty
          ? strings.nothingRecognized
          : strings.recognized}
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
