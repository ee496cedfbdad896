import { useState } from "preact/hooks";
import { type Api, ApiError, inWords } from "./api";
import { Mark } from "./icons";
import { strings } from "./strings";

/** Asks for the API key until it is a right one. */
export function KeyForm({ api }: { api: Api }) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(api.needsKey.value === "refused" ? strings.keyRefused : "");

  async function send(event: SubmitEvent) {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("key") as HTMLInputElement;
    setBusy(true);
    setProblem("");
    try {
      await api.unlock(field.value.trim());
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
        <button class="primary" disabled={isBusy}>
          {strings.keySend}
        </button>
      </form>
    </main>
  );
}
