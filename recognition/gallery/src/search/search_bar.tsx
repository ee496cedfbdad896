import { currentSearch, showSearch } from "../address";
import type { Api } from "../api/api";
import { Magnifier } from "../shared/icons";
import { strings } from "../strings";
import { LabelField } from "./label_field";
import "./search_bar.css";

/** Shows the labels of the search. Each change becomes a new address. */
export function SearchBar({ api }: { api: Api }) {
  const { labels } = currentSearch.value;
  return (
    <div class="search" role="search">
      <LabelField
        api={api}
        icon={<Magnifier />}
        name={strings.search}
        hint={labels.length ? strings.searchMore : strings.searchHint}
        labels={labels}
        removeTitle={strings.removeLabel}
        onChange={(labels) => showSearch({ ...currentSearch.peek(), labels })}
      />
    </div>
  );
}
