// A client as its user writes it: what the types promise is all that the compiler lets it use.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

type User = components["schemas"]["User"];
type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8000" });

function told(problem: Problem): string {
  const fields = Object.entries(problem.errors ?? {}).map(([name, texts]) => `${name}: ${texts}`);
  return `${problem.code} ${problem.detail} ${fields.join("; ")}`;
}

export async function signUpAndLogIn(email: string, password: string): Promise<string> {
  const made = await client.POST("/api/v1/users", { body: { email, password, name: "Ada" } });
  if (made.error) throw new Error(told(made.error));
  const { data, error } = await client.POST("/api/v1/auth/login", {
    body: { username: email, password },
  });
  if (error) throw new Error(told(error));
  return data.access_token;
}

export async function everybody(token: string): Promise<User[]> {
  const found: User[] = [];
  let cursor: string | undefined;
  do {
    const { data, error } = await client.GET("/api/v1/users", {
      params: { query: { per_page: 100, sort: "-created_at", cursor } },
      headers: { Authorization: `Bearer ${token}` },
    });
    if (error) throw new Error(told(error));
    found.push(...data.users);
    cursor = data.next_cursor ?? undefined;
  } while (cursor);
  return found;
}

export async function rename(token: string, id: string, name: string): Promise<string | null> {
  const at = { params: { path: { user_id: id } }, headers: { Authorization: `Bearer ${token}` } };
  const { response } = await client.GET("/api/v1/users/{user_id}", at);
  const changed = await client.PATCH("/api/v1/users/{user_id}", {
    ...at,
    params: { ...at.params, header: { "If-Match": response.headers.get("ETag") ?? "*" } },
    body: { name },
  });
  if (changed.error) throw new Error(told(changed.error));
  return changed.data.name;
}

// What does not exist must not compile.
export async function mistakes(): Promise<void> {
  // @ts-expect-error there is no such path
  await client.GET("/api/v1/nobody");
  // @ts-expect-error a password is needed
  await client.POST("/api/v1/users", { body: { email: "ada@example.com" } });
  // @ts-expect-error there is no such order
  await client.GET("/api/v1/users", { params: { query: { sort: "password" } } });
}
