// What the API says, as `GET /v1/openapi.json` describes it. A test compares the names of all fields.

declare namespace Api {
  type Standing =
    | "down" | "waiting" | "blocked" | "starting" | "up" | "ready" | "stopping" | "abandoned" | "removed";
  type Overall = "serving" | "coming" | "degraded" | "faulted" | "draining" | "ended";
  type Role = "viewer" | "operator" | "admin";

  interface Status {
    name: string;
    version: string;
    now_at: number;
    began_at: number;
    brain_pid: number;
    brain_began_at: number;
    brain_restarts: number;
    keeper_pid: number | null;
    spec_file: string | null;
    health: Health;
    draining: boolean;
    journal: Journal | null;
    notices: string[];
    children: Child[];
  }

  interface Health {
    overall: Overall;
    fine: number;
    coming: number;
    degraded: number;
    faulted: number;
    alerts: number;
  }

  interface Journal {
    folder: string;
    durable: boolean;
    trouble: string | null;
    lost: number;
    last: number;
    bytes: number;
  }

  interface Child {
    path: string;
    kind: string;
    standing: Standing;
    state: string;
    since_at: number | null;
    run: number | null;
    runs: number;
    restarts: number;
    pid: number | null;
    next: Next | null;
    want: "up" | "down";
    paused: boolean;
    quarantined: boolean;
    revision: number;
    last: LastRun | null;
    alerts: Alert[];
    says: string | null;
    said: Record<string, string>;
    position: string | null;
    trouble: string | null;
    log: string | null;
    addresses: string[];
    contain: string | null;
    dropped: number;
    criticality: string;
    description: string | null;
    labels: Record<string, string>;
  }

  interface Next {
    at: number;
    in_ms: number;
    what: string;
  }

  interface LastRun {
    run: number;
    ended_at: number;
    lived_ms: number;
    cause: string;
    text: string;
  }

  interface Alert {
    path: string;
    kind: string;
    text: string;
    since_at: number;
    again: number;
    over: boolean;
    seen_by: string | null;
    seen_why: string | null;
    seen_at: number | null;
  }

  interface Event {
    seq: number;
    at: number;
    path: string;
    run: number | null;
    kind: string;
    text: string;
  }

  interface EventPage {
    events: Event[];
    next: number;
    missed: number;
  }

  interface Lag {
    missed: number | null;
    path: string | null;
  }

  interface LogLine {
    path: string;
    at: number | null;
    run: number | null;
    stream: string | null;
    text: string;
  }

  interface Explanation {
    path: string;
    now_at: number;
    standing: Standing;
    story: string[];
    evidence: Evidence[];
    next: Next | null;
    wishes: Wish[];
    limits: Limit[];
    breaker: string;
    level: number;
    alerts: Alert[];
    policy: Setting[];
  }

  interface Setting {
    name: string;
    value: string;
    source: string;
  }

  interface Evidence {
    path: string;
    run: number;
    text: string;
    lines: string[];
    trail: Fact[];
  }

  interface Wish {
    command: string | null;
    text: string;
  }

  interface Limit {
    owner: string;
    text: string;
    used: number;
    most: number;
    frees_at: number | null;
  }

  interface Run {
    path: string;
    run: number;
    began_at: number;
    ready_at: number | null;
    ended_at: number | null;
    lived_ms: number | null;
    pid: number | null;
    cause: Cause | null;
    action: Action | null;
    by: string | null;
    user_ms: number;
    system_ms: number;
    memory: number;
    lines: string[];
    lost: number;
    revision: number;
    trail: Fact[];
    operations: Fact[];
    open_calls: string[];
  }

  interface Cause {
    word: string;
    text: string;
    is_failure: boolean;
    code: number | null;
    signal: number | null;
  }

  interface Action {
    word: string;
    rule: string;
    text: string;
    restart_at: number | null;
  }

  interface Fact {
    at: number;
    text: string;
  }

  interface Command {
    verb: Record<string, Record<string, unknown>>;
    target: string;
    why: string;
    who?: string;
    id?: string;
    if_run?: number;
    if_revision?: number;
  }

  interface Reply {
    child: string;
    changed: boolean;
    before: Standing;
    after: Standing;
    durable: boolean;
    next: Next | null;
    text: string;
    plan: Step[];
  }

  interface Step {
    path: string;
    act: "keep" | "live" | "restart" | "add" | "remove";
  }

  interface Problem {
    code: string;
    text: string;
    hint?: string;
    details?: string[];
  }

  interface Me {
    name: string;
    role: Role | null;
    until_at: number | null;
  }

  interface Choice {
    verb: Record<string, Record<string, unknown>>;
    command: string;
    role: Role;
    possible: boolean;
    why_not: string | null;
    hint: string | null;
    effect: string;
  }

  type PlayedPolicy = { child: string } | { preset: string } | { spec: string };

  interface Simulation {
    child?: string;
    policies: PlayedPolicy[];
    lives?: Lives;
    runs?: number;
    seed?: number;
  }

  interface Lives {
    dies_after: string;
    times: number;
    exit: string;
    ready_after?: string;
  }

  interface Simulated {
    happened: Timeline | null;
    timelines: Timeline[];
  }

  interface Timeline {
    policy: string;
    rules: string[];
    scenario: string;
    horizon_ms: number;
    steps: TimelineStep[];
    begins_ms: number[];
    serves: Span[];
    falls: Fall[];
    starts: number;
    gave_up_after_ms: number | null;
    gave_up: string | null;
    uptime_ms: number;
    downtime_ms: number;
    longest_down_ms: number;
    restarts_per_hour: number;
    busiest_hour: number;
    alerts: number | null;
    ends: string;
    is_cut: boolean;
  }

  interface Fall {
    after_ms: number;
    how: string;
    then: string;
  }

  interface TimelineStep {
    after_ms: number;
    text: string;
  }

  interface Span {
    from_ms: number;
    to_ms: number;
  }

  type ConsoleSays =
    | { says: "viewers"; you: number; viewers: ConsoleViewer[] }
    | { says: "lost"; bytes: number }
    | { says: "typed"; bytes: number }
    | { says: "refused"; bytes: number }
    | { says: "began"; run: number }
    | { says: "ended"; run: number }
    | { says: "gap" }
    | { says: "left"; text: string };

  interface ConsoleViewer {
    number: number;
    name: string;
    read_only: boolean;
    since_at: number;
  }
}
