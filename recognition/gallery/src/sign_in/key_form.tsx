import { useState } from "preact/hooks";
import type { Api } from "../api/api";
import { ApiError, errorMessage } from "../api/http";
import { Logo } from "../shared/icons";
import { strings } from "../strings";
import { Command } from "./command";
import "./key_form.css";

const KEY_COMMAND = ".venv/bin/sightline key";

/** Asks for the API key until the service accepts one, and shows the command that prints it. */
export function KeyForm({ api }: { api: Api }) {
  const [isBusy, setBusy] = useState(false);
  const [onDevice, setOnDevice] = useState(false);
  const [problem, setProblem] = useState(api.needsKey.value === "refused" ? strings.keyRefused : "");

  async function onSubmit(event: SubmitEvent) {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("key") as HTMLInputElement;
    setBusy(true);
    setProblem("");
    try {
      await api.signIn(field.value.trim(), onDevice);
    } catch (error) {
      const isWrong = error instanceof ApiError && error.code === "Forbidden";
      setProblem(isWrong ? strings.keyWrong : strings.problem(errorMessage(error)));
      setBusy(false);
      field.select();
    }
  }

  return (
    <main class="sign-in">
      <form class="card" onSubmit={onSubmit}>
        <Logo />
        <h1>{strings.keyTitle}</h1>
        <p id="key-about">{strings.keyAbout}</p>
        <KeyField problem={problem} />
        <KeepKey onDevice={onDevice} onChange={setOnDevice} />
        <button class="primary-button" disabled={isBusy}>
          {strings.keySend}
        </button>
        <div class="key-source">
          <p class="note">{strings.keySource}</p>
          <Command text={KEY_COMMAND} />
        </div>
      </form>
    </main>
  );
}

function KeyField({ problem }: { problem: string }) {
  return (
    <>
      <label for="key">{strings.key}</label>
      <input
        id="key"
        name="key"
        class="text-field"
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
    </>
  );
}

function KeepKey({ onDevice, onChange }: { onDevice: boolean; onChange: (onDevice: boolean) => void }) {
  return (
    <>
      <label class="keep-key">
        <input
          type="checkbox"
          checked={onDevice}
          aria-describedby="keep-about"
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
        {strings.keyKeep}
      </label>
      <p id="keep-about" class="note">
        {onDevice ? strings.keyKept : strings.keyNotKept}
      </p>
    </>
  );
}
