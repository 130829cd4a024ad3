export interface Precondition {
  /** The object has to be at this revision; 0: absent. Without it, whatever is there is changed. */
  revision?: number | undefined;
}
