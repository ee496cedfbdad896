import { signal } from "@preact/signals";

const said = signal("");

/** Have screen readers say it. */
export function announce(words: string) {
  said.value = words;
}

export function Announcements() {
  return (
    <div class="unseen" role="status">
      {said.value}
    </div>
  );
}
