declare global {
  namespace App {
    interface Error {
      message: string;
      /** Code of the server's error envelope. */
      code?: string;
    }
  }
}

export {};
