import createClient from 'openapi-fetch';
import type { ApiFault } from './types';
import type { paths } from './schema';

/** An answer of the server that is not a success, with the fields of its error envelope. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly link: string | undefined;
  readonly column: number | undefined;

  constructor(status: number, fault: Partial<ApiFault>) {
    super(fault.message || `HTTP ${status}`);
    this.status = status;
    this.code = fault.code || `http_${status}`;
    this.link = fault.link ?? undefined;
    this.column = fault.column ?? undefined;
  }
}

export const base = '/api/v1';
export const csrf = { 'x-saqshy-csrf': '1' };

/** What to do when the session has ended; set by the root layout. */
let onSignedOut: () => void = () => {};
export function whenSignedOut(action: () => void): void {
  onSignedOut = action;
}

/** Reads the error envelope of an answer, whatever its form. */
export async function faultOf(response: Response): Promise<ApiError> {
  let fault: Partial<ApiFault> = {};
  try {
    fault = (await response.clone().json()) as ApiFault;
  } catch {
    fault = { message: `HTTP ${response.status} ${response.statusText}`.trim() };
  }
  return new ApiError(response.status, fault);
}

/** Throws for every answer that is not a success; a 401 outside sign-in ends the session in the page. */
export async function accept(response: Response): Promise<Response> {
  if (response.ok) return response;
  if (response.status === 401 && !new URL(response.url).pathname.startsWith(`${base}/session`)) onSignedOut();
  throw await faultOf(response);
}

export const api = createClient<paths>({ baseUrl: base, headers: csrf, credentials: 'same-origin' });
api.use({ onResponse: async ({ response }) => void (await accept(response)) });

/** The body of a call whose failure has already been thrown. */
export async function body<T>(call: Promise<{ data?: T; response: Response }>): Promise<T> {
  return (await call).data as T;
}
