import { option, string } from '@oclif/core/flags';
import { StoreCommand } from '../command-line/store-command.ts';

export default class Api extends StoreCommand {
  static override summary = 'Serve the objects over HTTP, for frameworks and other programs.';
  static override usage = 'api --tokens FILE [--listen ADDRESS:PORT] [--tls-cert FILE --tls-key FILE [--tls-client-ca FILE]] [STORE FLAGS]';
  static override description =
    `It reads and writes the store by the rules of this command line, and holds nothing of its own: run as many as you like.
/openapi.json describes it. It stays in the foreground, logs to stdout, and ends on SIGTERM and SIGINT after what is under way.
Without TLS it listens on the loopback only.`;
  static override examples = [
    '<%= config.bin %> api token framework --tokens /etc/weir/tokens.yaml --write --namespace shop',
    '<%= config.bin %> api --listen 10.0.0.7:9490 --tokens /etc/weir/tokens.yaml --tls-cert api.pem --tls-key api.key',
  ];
  static override flags = {
    listen: string({ summary: 'Address and port.', default: '127.0.0.1:9490', helpValue: 'ADDRESS:PORT' }),
    tokens: string({ summary: 'File of tokens, as weir api token prints them.', required: true, helpValue: 'FILE' }),
    'tls-cert': string({ summary: 'Certificate of the server.', dependsOn: ['tls-key'], helpValue: 'FILE' }),
    'tls-key': string({ summary: 'Its key.', dependsOn: ['tls-cert'], helpValue: 'FILE' }),
    'tls-client-ca': string({
      summary: 'Authorities whose certificate a client has to show, beside its token.',
      dependsOn: ['tls-cert'],
      helpValue: 'FILE',
    }),
    'log-level': option({ options: ['debug', 'info', 'warn', 'error', 'silent'] as const, default: 'info', summary: 'What is logged.' })(),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Api);
    const { serveApi } = await import('../api/serve-api.ts');
    const { version } = this.config;
    await this.withObjects(flags, (stores) =>
      serveApi({
        stores,
        listen: flags.listen,
        tokens: flags.tokens,
        cert: flags['tls-cert'],
        key: flags['tls-key'],
        clientCa: flags['tls-client-ca'],
        logLevel: flags['log-level'],
        version,
      }),
    );
  }
}
