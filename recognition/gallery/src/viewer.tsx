import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask, close, NOTHING, open, opened } from "./address";
import { type Api, type Delivery, inWords, type Label, type Picture } from "./api";
import type { Deletions } from "./deletions";
import { Bin, Cross, Empty, Left, Loupe, Picture as Icon, Right, Warning } from "./icons";
import type { Pictures } from "./pictures";
import { strings } from "./strings";
import { PATIENCE, waitForMaking } from "./thumbnail";

const DELIVERY_LOOKS = 7;
const RENDITION_LOOKS = 9; // within two minutes
const HUES = [210, 28, 150, 330, 265, 60, 185, 0, 100, 295];

interface Properties {
  api: Api;
  pictures: Pictures;
  deletions: Deletions;
  image: string;
  /** What is to be seen and heard above it: nothing else of the page is. */
  children: ComponentChildren;
}

/** One picture, large, with what is known of it. */
export function Viewer({ api, pictures, deletions, image, children }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [picture, setPicture] = useState<Picture | null>(null);
  const [problem, setProblem] = useState("");
  const [lit, setLit] = useState<string | null>(null);
  const [pinned, setPinned] = useState<string | null>(null);

  const entries = pictures.shown.value;
  const place = entries.findIndex((entry) => entry.image === image);
  const previous = place > 0 ? entries[place - 1] : undefined;
  const following = place >= 0 ? entries[place + 1] : undefined;

  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    element.focus(); // itself, so that the arrow keys lead on at once
    return () => element.close();
  }, []);

  useEffect(() => {
    let isWanted = true;
    setPicture(null);
    setProblem("");
    setLit(null);
    setPinned(null);
    api.picture(image).then(
      (found) => isWanted && (found ? setPicture(found) : setProblem(strings.unknownPicture)),
      (error) => isWanted && setProblem(inWords(error)),
    );
    return () => {
      isWanted = false;
    };
  }, [image]);

  useEffect(() => {
    if (place >= 0 && !following) void pictures.more();
  }, [place, entries.length]);

  function remove() {
    if (!picture) return;
    const neighbour = following ?? previous;
    deletions.ask(picture);
    if (neighbour) open(neighbour.image);
    else close();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft" && previous) open(previous.image);
    else if (event.key === "ArrowRight" && following) open(following.image);
    else if (event.key === "Delete") remove();
    else return;
    event.preventDefault();
  }

  const emphasized = lit ?? pinned;
  return (
    <dialog
      ref={dialog}
      class="viewer"
      tabIndex={-1}
      aria-labelledby="picture-name"
      onKeyDown={onKeyDown}
      onClose={() => dialog.current && close()} // by Escape
    >
      <div class="stage">
        {picture && <Stage key={image} api={api} picture={picture} emphasized={emphasized} />}
        {!picture && !problem && <p class="loading">{strings.loading}</p>}
        <Step name={strings.previous} onClick={previous && (() => open(previous.image))} isBack />
        <Step name={strings.following} onClick={following && (() => open(following.image))} />
      </div>
      <section class="facts">
        <div class="facts-head">
          <h2 id="picture-name">{image}</h2>
          <button class="icon-button" aria-label={strings.back} title={strings.back} onClick={close}>
            <Cross />
          </button>
        </div>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        {picture && (
          <>
            <p class={picture.status === "FAILED" ? "status failed" : "status"}>
              {picture.failure ? <Warning /> : !picture.labels.length && <Empty />}{" "}
              {picture.failure
                ? strings.failure(picture.failure.message, picture.failure.code)
                : picture.labels.length
                  ? strings.recognized
                  : strings.noLabels}
            </p>
            <Labels labels={picture.labels} pinned={pinned} onLight={setLit} onPin={setPinned} />
            {picture.truncated && <p class="remark">{strings.truncated}</p>}
            <About api={api} picture={picture} />
            <button class="danger" onClick={remove}>
              <Bin /> {strings.delete}
            </button>
          </>
        )}
      </section>
      {children}
    </dialog>
  );
}

function Step({ name, isBack, onClick }: { name: string; isBack?: boolean; onClick: (() => void) | undefined }) {
  return (
    <button class={isBack ? "step back" : "step"} aria-label={name} title={name} disabled={!onClick} onClick={onClick}>
      {isBack ? <Left /> : <Right />}
    </button>
  );
}

/** The picture with its boxes; converted, where the browser cannot show it; or the reason why there is none to see. */
function Stage({ api, picture, emphasized }: { api: Api; picture: Picture; emphasized: string | null }) {
  const [attempt, setAttempt] = useState(0);
  const [rendition, setRendition] = useState(picture.rendition_url);
  const [ratio, setRatio] = useState(0);

  async function tryAgain() {
    if (attempt > 0) await waitForMaking(attempt);
    setAttempt(attempt + 1);
  }

  useEffect(() => {
    if (!attempt || rendition || picture.failure) return;
    let isWanted = true;
    (async () => {
      const found = attempt <= RENDITION_LOOKS ? await api.picture(picture.image).catch(() => null) : null;
      if (!isWanted) return;
      if (found?.rendition_url) setRendition(found.rendition_url);
      else if (attempt <= RENDITION_LOOKS) await tryAgain();
    })();
    return () => {
      isWanted = false;
    };
  }, [attempt]);

  const reason = picture.failure?.message ?? (attempt > PATIENCE ? strings.cannotShow : strings.converting);
  return (
    <>
      {attempt > 0 && !ratio && (
        <p class="no-picture">
          {picture.failure ? <Warning /> : <Icon />}
          {reason}
        </p>
      )}
      <div class={ratio ? "frame" : "frame coming"} style={ratio ? { "--ratio": `${ratio}` } : {}}>
        <img
          key={attempt}
          src={attempt ? rendition : picture.picture_url}
          alt={strings.alternative(picture.image, picture.labels.map((label) => label.name))}
          draggable={false}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setRatio(naturalWidth / naturalHeight)}
          onError={() => void tryAgain()}
        />
        {ratio > 0 &&
          picture.labels.map((label, number) =>
            label.instances.map(({ box }, index) => (
              <div
                key={`${label.name} ${index}`}
                class={emphasized === null ? "box" : emphasized === label.name ? "box lit" : "box dim"}
                data-label={label.name}
                style={{
                  "--hue": `${HUES[number % HUES.length]}`,
                  left: `${box.left * 100}%`,
                  top: `${box.top * 100}%`,
                  width: `${box.width * 100}%`,
                  height: `${box.height * 100}%`,
                }}
              >
                <span>{label.name}</span>
              </div>
            )),
          )}
      </div>
    </>
  );
}

interface LabelsProperties {
  labels: Label[];
  pinned: string | null;
  onLight: (label: string | null) => void;
  onPin: (label: string | null) => void;
}

function Labels({ labels, pinned, onLight, onPin }: LabelsProperties) {
  if (!labels.length) return null;
  return (
    <ul class="labels" aria-label={strings.labels}>
      {labels.map((label, number) => (
        <li
          key={label.name}
          style={{ "--hue": `${HUES[number % HUES.length]}` }}
          onMouseEnter={() => onLight(label.name)}
          onMouseLeave={() => onLight(null)}
        >
          <button
            class="label"
            aria-pressed={pinned === label.name}
            onFocus={() => onLight(label.name)}
            onBlur={() => onLight(null)}
            onClick={() => onPin(pinned === label.name ? null : label.name)}
          >
            <span class="label-name">{label.name}</span> <span class="percent">{strings.percent(label.confidence)}</span>
            <span class="bar" aria-hidden="true">
              <span style={{ width: `${label.confidence}%` }} />
            </span>
            <small>
              {[
                strings.withParents(label.parents),
                label.categories.join(", "),
                label.instances.length ? strings.boxes(label.instances.length) : "",
              ]
                .filter(Boolean)
                .join(" · ")}
            </small>
          </button>
          <button
            class="icon-button"
            aria-label={strings.searchFor(label.name)}
            title={strings.searchFor(label.name)}
            onClick={() => ask({ ...NOTHING, labels: [label.name] })}
          >
            <Loupe />
          </button>
        </li>
      ))}
    </ul>
  );
}

function About({ api, picture }: { api: Api; picture: Picture }) {
  const { uploaded_at, recognized_at, size, model, source_url } = picture;
  const isLink = /^https?:/i.test(source_url ?? "");
  return (
    <dl class="about">
      <dt>{strings.uploaded}</dt>
      <dd>{strings.time(uploaded_at)}</dd>
      <dt>{picture.failure ? strings.failedAt : strings.recognizedAt}</dt>
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
          <dd>{model}</dd>
        </>
      )}
      <dt>{strings.source}</dt>
      <dd>
        {isLink ? (
          <a href={source_url!} target="_blank" rel="noreferrer noopener">
            {source_url}
          </a>
        ) : (
          (source_url ?? strings.direct)
        )}
      </dd>
      <dt>{strings.deliveries}</dt>
      <dd>
        <Deliveries api={api} image={picture.image} version={recognized_at} />
      </dd>
    </dl>
  );
}

/** The last delivery to each receiver. */
const lastOf = (deliveries: Delivery[]) =>
  deliveries.filter((d, index) => deliveries.findIndex((e) => e.receiver === d.receiver) === index);

/** How it stands with each receiver, by the last of what it was offered. Soon after the recognition that changes. */
function Deliveries({ api, image, version }: { api: Api; image: string; version: string }) {
  const [deliveries, setDeliveries] = useState<Delivery[] | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isWanted = true;
    setDeliveries(null);
    setProblem("");
    (async () => {
      for (let look = 1; look <= DELIVERY_LOOKS && isWanted; look++) {
        const found = await api.deliveries(image);
        if (!isWanted) return;
        setDeliveries(found);
        const last = lastOf(found);
        if (last.length && last.every((d) => d.status !== "WAITING" && (d.last_attempt_at ?? "") >= version)) return;
        await waitForMaking(look);
      }
    })().catch((error) => isWanted && setProblem(strings.problem(inWords(error))));
    return () => {
      isWanted = false;
    };
  }, [image, version]);
  if (problem) return <>{problem}</>;
  if (!deliveries) return <>{strings.loading}</>;
  if (!deliveries.length) return <>{strings.noDeliveries}</>;
  return (
    <ul>
      {lastOf(deliveries).map((delivery) => (
        <li key={delivery.receiver} title={delivery.last_answer ?? undefined}>
          {delivery.receiver}: {strings.delivery(delivery.status, delivery.attempts)}
        </li>
      ))}
    </ul>
  );
}
