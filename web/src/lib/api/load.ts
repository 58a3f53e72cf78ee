import { error } from '@sveltejs/kit';
import { ApiError } from './client';

/** For `load` functions: turns the server's envelope into the error page. */
export async function loaded<T>(call: Promise<{ data?: T; response: Response }>): Promise<T> {
  try {
    return (await call).data as T;
  } catch (fault) {
    if (fault instanceof ApiError) error(fault.status, { message: fault.message, code: fault.code });
    throw fault;
  }
}
