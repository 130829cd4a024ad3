export type LabErrorCode =
  | 'ECONFIG' // a network file cannot be used
  | 'ENETWORK' // no such network, or joined twice
  | 'EPREPARED' // the container was prepared before
  | 'EPLUGIN' // a CNI plugin failed or is missing
  | 'ERESULT' // a CNI plugin's answer cannot be used
  | 'ESTUCK' // a DEL failed: namespace and folder of the container stay
  | 'ERECOVER' // the isolator cannot take up its work again
  | 'ETASK' // a task did not start
  | 'EHOST' // a host of the lab, or its agent, did not come up
  | 'EPROBE' // the measuring process in a container did not answer
  | 'ECOMMAND' // a command of the demo ended with another status than 0
  | 'ELEFTOVER'; // something of the lab is left after it was taken down

/** Every failure of the lab; `code` is stable, the message says what to do. */
export class LabError extends Error {
  override readonly name = 'LabError';
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
