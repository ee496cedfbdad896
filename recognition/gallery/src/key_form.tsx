import { useRef, useState } from "preact/hooks";
import { type Api, ApiError, inWords } from "./api";
import { Mark } from "./icons";
import { strings } from "./strings";

const COMMAND = ".venv/bin/sightline key";

/** Asks for the API key until the service accepts one, and says where to get it. */
export function KeyForm({ api }: { api: Api }) {
  const [isBusy, setBusy] = useState(false);
  const [isKept, setKept] = useState(false);
  const [problem, setProblem] = useState(api.needsKey.value === "refused" ? strings.keyRefused : "");

  async function send(event: SubmitEvent) {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("key") as HTMLInputElement;
    setBusy(true);
    setProblem("");
    try {
      await api.unlock(field.value.trim(), isKept);
    } catch (error) {
      const isWrong = error instanceof ApiError && error.code === "Forbidden";
      setProblem(isWrong ? strings.keyWrong : strings.problem(inWords(error)));
      setBusy(false);
      field.select();
    }
  }

  return (
    <main class="welcome">
      <form class="card" onSubmit={send}>
        <Mark />
        <h1>{strings.keyTitle}</h1>
        <p id="key-about">{strings.keyAbout}</p>
        <label for="key">{strings.key}</label>
        <input
          id="key"
          name="key"
          type="password"
          autocomplete="off"
          required
          autofocus
          aria-describedby="key-about key-problem"
          aria-invalid={problem ? true : undefined}
        />
        <p id="key-problem" class="problem" role="alert">
          {problem}
        </p>
        <label class="keep">
          <input
            type="checkbox"
            checked={isKept}
            aria-describedby="keep-about"
            onChange={(event) => setKept(event.currentTarget.checked)}
          />
          {strings.keyKeep}
        </label>
        <p id="keep-about" class="remark">
          {isKept ? strings.keyKept : strings.keyNotKept}
        </p>
        <button class="primary" disabled={isBusy}>
          {strings.keySend}
        </button>
        <div class="key-source">
          <p class="remark">{strings.keySource}</p>
          <Command text={COMMAND} />
        </div>
      </form>
    </main>
  );
}

/** A command, to be copied. */
function Command({ text }: { text: string }) {
  const code = useRef<HTMLElement>(null);
  const [said, setSaid] = useState("");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setSaid(strings.copied);
    } catch {
      getSelection()?.selectAllChildren(code.current!); // no clipboard for this page: by Ctrl+C
      setSaid(strings.selected);
    }
  }
  return (
    <p class="command">
      <code ref={code}>{text}</code>
      <button type="button" class="quiet" aria-label={strings.copyNamed(text)} onClick={() => void copy()}>
        {strings.copy}
      </button>
      <span class="remark" role="status">
        {said}
      </span>
    </p>
  );
}
