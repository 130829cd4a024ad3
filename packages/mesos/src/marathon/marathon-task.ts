/** What Marathon's ids of tasks and executors say. */

/** Marathon's task ids (core/task/Task.scala): `<app>.instance-<uuid>.<container>[.<attempt>]`, before 1.5 `<app>.<uuid>`; `_` for `/`. */
const TASK_ID = /^(?<app>[^_.][^_]*(?:_[^_]+)*?)\.(?:(?:instance|marathon)-)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?:\.|$)/;

/** Id of the app or pod that the task is an instance of: `/shop/web`. Undefined for tasks of other frameworks. */
export function appOfTask(taskId: string): string | undefined {
  const app = TASK_ID.exec(taskId)?.groups?.app;
  return app === undefined ? undefined : `/${app.replaceAll('_', '/')}`;
}

/** `/shop/web` is of the namespace `shop`; `/web` says nothing. */
export function namespaceOfApp(app: string): string | undefined {
  const [first, ...rest] = app.split('/').filter(Boolean);
  return rest.length === 0 ? undefined : first;
}

/** The app's name within its namespace: `web` of `/shop/web`, `api.v1` of `/shop/api/v1`. */
export function nameOfApp(app: string): string {
  const parts = app.split('/').filter(Boolean);
  return parts.slice(parts.length > 1 ? 1 : 0).join('.');
}
