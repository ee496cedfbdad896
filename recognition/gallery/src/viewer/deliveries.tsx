import { useEffect, useState } from "preact/hooks";
import type { Api } from "../api/api";
import type { Delivery } from "../api/documents";
import { errorMessage } from "../api/http";
import { visible } from "../shared/hidden_characters";
import { pauseBeforeRetry } from "../shared/pause";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";

const MAX_READS = 7;

interface Properties {
  api: Api;
  image: string;
  recognizedAt: string;
}

/** Shows the last delivery to each receiver. Reads them again while deliveries of this recognition are in progress. */
export function Deliveries({ api, image, recognizedAt }: Properties) {
  const [deliveries, setDeliveries] = useState<Delivery[] | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let isCurrent = true;
    setDeliveries(null);
    setProblem("");
    (async () => {
      for (let read = 1; read <= MAX_READS && isCurrent; read++) {
        const found = lastDeliveries(await api.deliveries(image));
        if (!isCurrent) return;
        setDeliveries(found);
        if (found.length && found.every((delivery) => isFinished(delivery, recognizedAt))) return;
        await pauseBeforeRetry(read);
      }
    })().catch((error) => isCurrent && setProblem(strings.problem(errorMessage(error))));
    return () => {
      isCurrent = false;
    };
  }, [image, recognizedAt]);
  if (problem) return <>{problem}</>;
  if (!deliveries) return <>{strings.loading}</>;
  if (!deliveries.length) return <>{strings.noDeliveries}</>;
  return (
    <ul>
      {deliveries.map((delivery) => (
        <li key={delivery.receiver} title={delivery.last_answer ? visible(delivery.last_answer) : undefined}>
          <VisibleText text={delivery.receiver} />: {strings.delivery(delivery.status, delivery.attempts)}
        </li>
      ))}
    </ul>
  );
}

/** Return the newest delivery to each receiver. The service lists the newest first. */
function lastDeliveries(deliveries: Delivery[]): Delivery[] {
  const receivers = deliveries.map(({ receiver }) => receiver);
  return deliveries.filter(({ receiver }, index) => receivers.indexOf(receiver) === index);
}

/** Return true if the delivery ended after the recognition. An earlier one belongs to an earlier recognition. */
const isFinished = ({ status, last_attempt_at }: Delivery, recognizedAt: string) =>
  status !== "WAITING" && (last_attempt_at ?? "") >= recognizedAt;
