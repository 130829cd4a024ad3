/** Marathon's event stream: https://mesosphere.github.io/marathon/docs/event-bus.html. It says that something changed; what, has to be asked. */
import type { Readable } from 'node:stream';
import { createParser } from 'eventsource-parser';

/** An event of a deployment can hold the whole group, twice. */
const MAX_EVENT_CHARACTERS = 64 * 1024 * 1024;

/** Types after which an app or a pod, or the readiness of its tasks, may be another one. Types that are not known here are none of our business. */
const CHANGES = new Set([
  'api_post_event',
  'app_terminated_event',
  'deployment_success',
  'deployment_failed',
  'deployment_info',
  'deployment_step_success',
  'group_change_success',
  'group_change_failed',
  'health_status_changed_event',
  'instance_health_changed_event',
  'pod_created_event',
  'pod_updated_event',
  'pod_deleted_event',
  'status_update_event',
  'event_stream_attached',
]);

export function isChange(type: string): boolean {
  return CHANGES.has(type);
}

/**
 * Calls back with the type of each event until the stream ends, which is no error, or is silent for longer than `silence` milliseconds, which is one.
 * Lines that are no events are skipped, as the format wants it.
 */
export async function readEvents(stream: Readable, onEvent: (type: string) => void, silence: number): Promise<void> {
  const parser = createParser({ onEvent: ({ event }) => event !== undefined && onEvent(event), maxBufferSize: MAX_EVENT_CHARACTERS });
  const decoder = new TextDecoder();
  const end = () => stream.destroy(new Error(`the event stream was silent for ${silence / 1000} seconds`));
  let timer = setTimeout(end, silence);
  try {
    for await (const chunk of stream) {
      clearTimeout(timer);
      timer = setTimeout(end, silence);
      parser.feed(decoder.decode(chunk as Buffer, { stream: true }));
    }
  } finally {
    clearTimeout(timer);
  }
}
