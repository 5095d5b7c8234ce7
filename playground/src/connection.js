/** JSON-RPC over the WebSocket that the page came with. */
export class Connection {
  #socket;
  #waiting = new Map();
  #nextId = 1;
  /** Called with method and params of every notification. */
  onNotification = () => {};
  onClose = () => {};

  static open(token) {
    const connection = new Connection();
    const socket = new WebSocket(`ws://${location.host}/lsp?token=${encodeURIComponent(token)}`);
    connection.#socket = socket;
    socket.addEventListener('message', ({ data }) => connection.#take(JSON.parse(data)));
    socket.addEventListener('close', () => connection.onClose());
    return new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve(connection));
      socket.addEventListener('error', () => reject(new Error('no connection')));
    });
  }

  notify(method, params) {
    this.#send({ method, params });
  }

  /** Ask, and return the result; null for an error, which is none while somebody types. */
  ask(method, params, onId = () => {}) {
    const id = this.#nextId++;
    onId(id);
    this.#send({ id, method, params });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #send(message) {
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', ...message }));
  }

  #take(message) {
    if (message.method === undefined) {
      this.#waiting.get(message.id)?.(message.result ?? null);
      this.#waiting.delete(message.id);
    } else if (message.id === undefined) {
      this.onNotification(message.method, message.params);
    } else {
      this.#send({ id: message.id, result: null });
    }
  }
}
