#!/usr/bin/env escript
%% -*- erlang -*-
%%! +S 1:1 +sbwt none
%%
%% Drives a real OTP supervisor through schedules and prints what it did.
%%
%%     escript harness.escript < samples.txt > samples.trace
%%
%% One schedule per block on standard input, one trace per block on standard output, written as soon
%% as the block's `end` has been read. Many blocks share one start of the virtual machine.
%% Words are separated by blanks; `#` begins a comment; empty lines are skipped.
%%
%% Schedule
%% --------
%%   schedule <id>
%%   supervisor <strategy> intensity <n> [period <seconds>] [auto_shutdown <when>]
%%   child <name> <restart> [significant <bool>] [onstop shutdown|normal|crash]
%%   child <t> supervisor <strategy> intensity <n> [period <s>] [auto_shutdown <when>]
%%                        [restart <restart>] [significant <bool>]
%%   child <t>/<name> ...                 a child of <t>; one level deep
%%   <step> ...
%%   end
%%
%%   <strategy>  one_for_one | one_for_all | rest_for_one | simple_one_for_one
%%   <restart>   permanent | transient | temporary
%%   <when>      never | any | all        (any_significant, all_significant)
%%   period      3600 unless given: a schedule runs within milliseconds, so only counts matter
%%   onstop      the reason with which the child leaves when it is asked to stop
%%   A simple_one_for_one supervisor has exactly one `child`: the template. It starts nothing.
%%
%% Steps
%%   go                      starts the supervisor
%%   crash|finish|shutdown|leave|kill <c>
%%                           <c> ends by itself with reason crash, normal, shutdown or
%%                           {shutdown, leave}; `kill` is exit(Pid, kill) from outside. <c> may be a
%%                           nested supervisor, which then stops its children first (not on `kill`)
%%   failstart <c> <n>       the next n starts of <c> return {error, x}
%%   skipstart <c> [<n>]     the next n starts of <c> return ignore
%%   crashstart <c> <n>      the next n starts of the worker <c> succeed, but it ends with reason crash
%%                           before its supervisor goes on (the 'EXIT' is in the mailbox already)
%%                           (a nested supervisor starts as ever)
%%   finishstart <c> <n>     the same with reason normal
%%                           (these four queue up in the order given, also before `go`)
%%   together <s> | <s> ...  all of these are in the mailbox, in this order, before the supervisor
%%                           looks at any: crash, finish, shutdown, leave, kill, terminate,
%%                           restart, delete, addchild, startchild
%%   both <a> <b>            together crash <a> | crash <b>
%%   terminate|restart|delete <c>
%%   addchild <child words>  supervisor:start_child with a new specification
%%   startchild <name>       an instance of the template; `<t>/<name>` under a nested supervisor.
%%                           A name stands for one instance: nothing is done if it is running, or,
%%                           in a `together`, if it was ever used
%%   stop                    the parent asks the supervisor to shut down
%%
%% Trace
%% -----
%%   schedule <id>
%%   step <words of the step>         then its facts in the order in which they happened:
%%     exit <c> <reason>              <c> ended, and its supervisor had not asked this worker to.
%%                                    Every end of a nested supervisor is an `exit`; `exit . <r>`
%%                                    is the end of the whole
%%     stop <c>                       a supervisor asked the worker <c> to stop, and it does
%%     lost <c>                       <c> died because its supervisor was killed
%%     start <c>                      a start was attempted and succeeded
%%     start <c> failed | ignored     ... returned {error, _} | ignore
%%     begin <t>                      the start of a nested supervisor begins; its children's starts
%%                                    and `start <t>` or `start <t> failed` follow (a start that
%%                                    failstart or skipstart took has no `begin`)
%%     giveup <s>                     supervisor <s> (`.` is the outermost) exceeded its intensity
%%     reply <verb> [<c>] ok [undefined] | error <reason>
%%                                    (after all other facts of the step, in the order asked)
%%     noop                           the named child was not running (startchild: was running)
%%     gone                           the supervisor has ended, or was never started
%%   state . specs=<n> active=<n> restarts=<n> <c>=<up|down|gone>/<starts> ...
%%   state <t> ...                    one more per nested supervisor; `state <t> gone` if not running
%%   end
%%   specs and active are count_children's, restarts the length of the supervisor's own list of
%%   restarts, starts the number of attempts so far (`begin` counts for a nested supervisor).
%%   failstart and its kin print their `step` line alone.
%%   Once the supervisor has ended, `state . gone` closes that step and `gone` is all of each later one.
%%   Exit status: 0; 2 for input that is not understood; 3 for a supervisor that did not become quiet.
%%
%% Why the order is true
%% ---------------------
%% Every worker and every start function reports by a call to one recorder and goes on only when the
%% recorder has answered: starts from within the supervisor, stops from a worker that traps exits,
%% give-ups from a logger filter that runs in the supervisor, ends of nested supervisors from a
%% keeper between them and their parent. Supervisors that could act at the same time are let go one
%% after the other, the inner ones first: the outcome is one that can happen, and always the same.
%% Stops that OTP does in parallel (simple_one_for_one) are sorted by name.
%%
%% Why it waits long enough
%% ------------------------
%% When a child has ended, the link is gone from the supervisor's own list of links exactly when the
%% 'EXIT' is in its mailbox; a call made after that is answered after the 'EXIT' was handled. A failed
%% restart makes the supervisor cast to itself and shows as `restarting` until it is decided; a child
%% that died at once shows as a dead process. So a step is over when every supervisor has answered
%% which_children with living or stopped children only and no fact was noted meanwhile. Nothing sleeps.
-module(harness).
-mode(compile).
-behaviour(supervisor).
-export([main/1, init/1, start_worker/2, start_nested/3, watch_log/2]).

-define(PATIENCE, 60000).

-record(sup, {name, flags, children = [], restart = permanent, significant = false}).
-record(rec, {facts = [], count = 0, mute = false, starts = #{}, plans = #{},
              pids = #{}, names = #{}, nested = []}).
-record(run, {id, sup, pid = none, steps = []}).

main(_) ->
    process_flag(trap_exit, true),
    ok = io:setopts(standard_io, [binary, {encoding, latin1}]),
    register(recorder, spawn(fun() -> recorder(#rec{}) end)),
    ok = logger:add_primary_filter(watch, {fun ?MODULE:watch_log/2, none}),
    blocks(1).

%% ---------------------------------------------------------------------------------------------
%% Input

blocks(No) ->
    case line(No) of
        eof -> ok;
        {["schedule", Id], No1} ->
            {Run, No2} = block(No1, #run{id = Id, sup = none}),
            ok = file:write(standard_io, play(Run)),
            blocks(No2);
        {_, No1} -> bad(No1, "expected `schedule <id>`")
    end.

block(No, Run) ->
    case line(No) of
        eof -> bad(No, "the block has no `end`");
        {["end"], No1} ->
            {Run#run{steps = lists:reverse(Run#run.steps)}, No1};
        {["supervisor", Strategy | Words], No1} when Run#run.sup =:= none ->
            {Flags, []} = checked(No1, fun() -> flags(Strategy, Words) end),
            block(No1, Run#run{sup = #sup{name = <<".">>, flags = Flags}});
        {["child" | Words], No1} when Run#run.sup =/= none, Run#run.steps =:= [] ->
            Child = checked(No1, fun() -> child(Words) end),
            block(No1, Run#run{sup = checked(No1, fun() -> adopt(Child, Run#run.sup) end)});
        {Words, No1} when Run#run.sup =/= none ->
            Step = checked(No1, fun() -> step(Words) end),
            block(No1, Run#run{steps = [{lists:join(" ", Words), Step} | Run#run.steps]});
        {_, No1} -> bad(No1, "not understood here")
    end.

line(No) ->
    case file:read_line(standard_io) of
        eof -> eof;
        {ok, Line} ->
            case string:lexemes(hd(string:split(binary_to_list(Line), "#")), " \t\r\n") of
                [] -> line(No + 1);
                Words -> {Words, No + 1}
            end
    end.

checked(No, Fun) ->
    try Fun() catch _:_ -> bad(No, "not understood") end.

bad(No, Why) ->
    io:format(standard_error, "harness: line ~w: ~s~n", [No - 1, Why]),
    halt(2).

flags(Strategy, Words) ->
    Known = #{"one_for_one" => one_for_one, "one_for_all" => one_for_all,
              "rest_for_one" => rest_for_one, "simple_one_for_one" => simple_one_for_one},
    flags(Words, #{strategy => maps:get(Strategy, Known), period => 3600}, []).

flags(["intensity", N | Rest], F, Other) -> flags(Rest, F#{intensity => list_to_integer(N)}, Other);
flags(["period", N | Rest], F, Other) -> flags(Rest, F#{period => list_to_integer(N)}, Other);
flags(["auto_shutdown", W | Rest], F, Other) ->
    When = case W of
               "never" -> never;
               "any" -> any_significant;
               "any_significant" -> any_significant;
               "all" -> all_significant;
               "all_significant" -> all_significant
           end,
    flags(Rest, F#{auto_shutdown => When}, Other);
flags([Key, Value | Rest], F, Other) -> flags(Rest, F, [{Key, Value} | Other]);
flags([], #{intensity := _} = F, Other) -> {F, Other}.

child([Name, "supervisor", Strategy | Words]) ->
    {Flags, Other} = flags(Strategy, Words),
    lists:foldl(fun({"restart", R}, S) -> S#sup{restart = restart(R)};
                   ({"significant", B}, S) -> S#sup{significant = bool(B)}
                end,
                #sup{name = plain(Name), flags = Flags}, Other);
child([Name, Restart | Words]) ->
    worker(Words, #{id => list_to_binary(Name), restart => restart(Restart), onstop => shutdown}).

worker(["significant", B | Rest], W) -> worker(Rest, W#{significant => bool(B)});
worker(["onstop", R | Rest], W) ->
    Reason = case R of "shutdown" -> shutdown; "normal" -> normal; "crash" -> crash end,
    worker(Rest, W#{onstop => Reason});
worker([], W) -> W.

plain(Name) ->
    false = lists:member($/, Name),
    list_to_binary(Name).

restart("permanent") -> permanent;
restart("transient") -> transient;
restart("temporary") -> temporary.

bool("true") -> true;
bool("false") -> false.

adopt(Child, #sup{children = Cs} = Root) ->
    case parent(name(Child)) of
        <<".">> -> Root#sup{children = Cs ++ [Child]};
        T ->
            {value, #sup{children = Ts} = Sup} = lists:keysearch(T, #sup.name, Cs),
            New = Sup#sup{children = Ts ++ [Child]},
            Root#sup{children = lists:keyreplace(T, #sup.name, Cs, New)}
    end.

name(#sup{name = Name}) -> Name;
name(#{id := Name}) -> Name.

parent(Name) ->
    case binary:split(Name, <<"/">>) of
        [_] -> <<".">>;
        [T, _] -> T
    end.

step(["go"]) -> go;
step(["stop"]) -> stop;
step(["failstart", C, N]) -> {plan, list_to_binary(C), fail, list_to_integer(N)};
step(["skipstart", C]) -> {plan, list_to_binary(C), skip, 1};
step(["skipstart", C, N]) -> {plan, list_to_binary(C), skip, list_to_integer(N)};
step(["crashstart", C, N]) -> {plan, list_to_binary(C), {ends, crash}, list_to_integer(N)};
step(["finishstart", C, N]) -> {plan, list_to_binary(C), {ends, normal}, list_to_integer(N)};
step(["both", A, B]) -> {together, [event(["crash", A]), event(["crash", B])]};
step(["together" | Words]) -> {together, [event(Ws) || Ws <- split_bar(Words, [], [])]};
step(Words) -> event(Words).

split_bar(["|" | Rest], Now, Done) -> split_bar(Rest, [], [lists:reverse(Now) | Done]);
split_bar([Word | Rest], Now, Done) -> split_bar(Rest, [Word | Now], Done);
split_bar([], Now, Done) -> lists:reverse([lists:reverse(Now) | Done]).

event(["crash", C]) -> {ends, list_to_binary(C), crash};
event(["finish", C]) -> {ends, list_to_binary(C), normal};
event(["shutdown", C]) -> {ends, list_to_binary(C), shutdown};
event(["leave", C]) -> {ends, list_to_binary(C), {shutdown, leave}};
event(["kill", C]) -> {ends, list_to_binary(C), killed};
event(["terminate", C]) -> {asks, terminate, list_to_binary(C), none};
event(["restart", C]) -> {asks, restart, list_to_binary(C), none};
event(["delete", C]) -> {asks, delete, list_to_binary(C), none};
event(["addchild" | Words]) -> Child = child(Words), {asks, addchild, name(Child), Child};
event(["startchild", C]) -> {asks, startchild, list_to_binary(C), none}.

%% ---------------------------------------------------------------------------------------------
%% One schedule

play(#run{id = Id, sup = Sup, steps = Steps} = Run) ->
    rec(reset),
    Guard = spawn(fun() -> receive done -> ok after ?PATIENCE -> stuck({schedule, Id}) end end),
    put(sups, [{Sup#sup.name, Sup#sup.flags}]),
    put(names, []),
    lists:foreach(fun know/1, Sup#sup.children),
    {Trace, Last} = lists:mapfoldl(fun play_step/2, Run, Steps),
    quit(Last#run.pid),
    Guard ! done,
    ["schedule ", Id, "\n", Trace, "end\n"].

%% Remembers names in the order in which they first appear, for the `state` lines.
know(Child) ->
    case Child of
        #sup{name = T, flags = Flags, children = Cs} ->
            put(sups, lists:keystore(T, 1, get(sups), {T, Flags})),
            know_name(T),
            lists:foreach(fun know/1, Cs);
        #{id := Name} ->
            %% A template is not a child.
            is_dynamic(parent(Name)) orelse know_name(Name)
    end.

know_name(Name) ->
    case lists:member(Name, get(names)) of
        true -> ok;
        false -> put(names, get(names) ++ [Name])
    end.

is_dynamic(Sup) ->
    case lists:keyfind(Sup, 1, get(sups)) of
        {_, #{strategy := simple_one_for_one}} -> true;
        _ -> false
    end.

play_step({Text, {plan, C, What, N}}, Run) ->
    rec({plan, C, What, N}),
    {["step ", Text, "\n"], Run};
play_step({Text, go}, #run{pid = none, sup = Sup} = Run) ->
    Result = supervisor:start_link(?MODULE, {<<".">>, Sup#sup.flags, specs(Sup)}),
    Root = case Result of {ok, Pid} -> Pid; {error, _} -> gone end,
    finish_step(Text, [{reply, go, none, Result}], Run#run{pid = Root});
play_step({Text, _}, #run{pid = Pid} = Run) when not is_pid(Pid) ->
    {["step ", Text, "\ngone\n"], Run};
play_step({Text, Step}, #run{pid = Root} = Run) ->
    Replies = case Step of
                  go -> note(noop), [];
                  stop -> exit(Root, shutdown), await_end(Root), [];
                  {together, Events} -> together(Root, Events);
                  {ends, C, killed} ->
                      case is_nested(C) of
                          true -> together(Root, [Step]);
                          false -> inject(Root, Step)
                      end;
                  {ends, _, _} -> inject(Root, Step);
                  {asks, startchild, C, _} ->
                      case rec({find, C}) of
                          none -> ask(Root, Step);
                          _ -> note(noop), []
                      end;
                  {asks, _, _, _} -> ask(Root, Step)
              end,
    finish_step(Text, Replies, Run).

finish_step(Text, Replies, #run{pid = Root} = Run) ->
    Settled = settle(Root),
    lists:foreach(fun note/1, Replies),
    {State, Pid} = case Settled of
                       ok -> {states(Root), Root};
                       gone -> {"state . gone\n", gone}
                   end,
    Facts = by_name(rec(take), []),
    {["step ", Text, "\n", [[fact(F), "\n"] || F <- Facts], State], Run#run{pid = Pid}}.

quit(Root) when is_pid(Root) ->
    rec(mute),
    exit(Root, shutdown),
    receive {'EXIT', Root, _} -> ok after ?PATIENCE -> stuck(quit) end;
quit(_) ->
    receive {'EXIT', _, _} -> quit(gone) after 0 -> ok end.

specs(#sup{children = Cs}) -> [spec(C) || C <- Cs].

spec(#sup{name = T, flags = Flags, restart = R, significant = S} = Sup) ->
    #{id => T, restart => R, significant => S, type => supervisor, shutdown => infinity,
      start => {?MODULE, start_nested, [T, Flags, specs(Sup)]}, modules => [?MODULE]};
spec(#{id := Name, onstop := Reason} = Worker) ->
    Args = case is_dynamic(parent(Name)) of
               true -> [Reason];
               false -> [Reason, Name]
           end,
    (maps:without([onstop], Worker))#{shutdown => infinity, start => {?MODULE, start_worker, Args}}.

%% ---------------------------------------------------------------------------------------------
%% Doing a step

%% Makes a child end and returns when its supervisor has the 'EXIT' in its mailbox.
inject(Root, {ends, C, Reason}) ->
    case rec({find, C}) of
        {Pid, Sup} ->
            case is_nested(C) of
                true -> end_nested(Root, C, Pid, Reason);
                false ->
                    note({exit, C, Reason}),
                    case Reason of
                        killed -> exit(Pid, kill);
                        _ -> Pid ! {leave, Reason}
                    end,
                    await_unlinked(Sup, Pid)
            end;
        none -> note(noop)
    end,
    [].

end_nested(Root, C, Pid, killed) ->
    Orphans = [{Name, monitor(process, P)} || {Name, P} <- rec({running_under, C})],
    Keeper = rec({keeper, C}),
    exit(Pid, kill),
    lists:foreach(fun({_, M}) -> await_down(M) end, Orphans),
    await_unlinked(Root, Keeper),
    lists:foreach(fun({Name, _}) -> note({lost, Name}) end, lists:sort(Orphans));
end_nested(Root, C, Pid, Reason) ->
    Keeper = rec({keeper, C}),
    unless_gone(fun() -> gen_server:stop(Pid, Reason, infinity) end),
    await_unlinked(Root, Keeper).

is_nested(C) -> lists:keymember(C, 1, get(sups)).

ask(Root, {asks, Verb, C, Child}) ->
    Result = case sup_pid(Root, parent(C)) of
                 none -> {error, noproc};
                 Sup -> unless_gone(request(Sup, Verb, C, Child))
             end,
    asked(Child, Result),
    [{reply, Verb, C, Result}].

request(Sup, terminate, C, _) ->
    Id = case is_dynamic(parent(C)) of
             true ->
                 case rec({last_pid, C}) of
                     none -> C;
                     Pid -> Pid
                 end;
             false -> C
         end,
    fun() -> supervisor:terminate_child(Sup, Id) end;
request(Sup, restart, C, _) -> fun() -> supervisor:restart_child(Sup, C) end;
request(Sup, delete, C, _) -> fun() -> supervisor:delete_child(Sup, C) end;
request(Sup, addchild, _, Child) ->
    know_name(name(Child)),
    Spec = spec(Child),
    fun() -> supervisor:start_child(Sup, Spec) end;
request(Sup, startchild, C, _) ->
    know_name(C),
    fun() -> supervisor:start_child(Sup, [C]) end.

%% Remembers what kind of child stands under a name now.
asked(#sup{} = Sup, {ok, _}) -> know(Sup);
asked(#{id := Name}, {ok, _}) -> put(sups, lists:keydelete(Name, 1, get(sups)));
asked(_, _) -> ok.

%% Suspends every supervisor, fills the mailboxes, and lets them go: the nested ones first, each until
%% it is quiet, so that the outcome is one of the orders that can really happen, and always the same.
together(Root, Events) ->
    Nested = rec(nested),
    lists:foreach(fun(P) -> ok = sys:suspend(P, infinity) end, [Root | [P || {P, _} <- Nested]]),
    Asked = lists:append([queue(Root, E) || E <- Events]),
    lists:foreach(fun({P, Keeper}) ->
                          unless_gone(fun() -> sys:resume(P, infinity) end),
                          calm_nested(Root, P, Keeper)
                  end, Nested),
    unless_gone(fun() -> sys:resume(Root, infinity) end),
    settle(Root),
    [receive
         {'DOWN', Mon, _, _, {reply, Result}} ->
             asked(Child, Result),
             {reply, Verb, C, Result}
     after ?PATIENCE -> stuck(reply)
     end || {Verb, C, Child, Mon} <- Asked].

queue(Root, {ends, _, _} = Event) -> inject(Root, Event);
queue(Root, {asks, startchild, C, _} = Event) ->
    case lists:member(C, get(names)) of
        true -> note(noop), [];
        false -> queue_request(Root, Event)
    end;
queue(Root, Event) -> queue_request(Root, Event).

queue_request(Root, {asks, Verb, C, Child}) ->
    case sup_pid(Root, parent(C)) of
        none ->
            {_, Mon} = spawn_monitor(fun() -> exit({reply, {error, noproc}}) end),
            [{Verb, C, Child, Mon}];
        Sup ->
            Ask = request(Sup, Verb, C, Child),
            Before = queued(Sup),
            {Pid, Mon} = spawn_monitor(fun() -> exit({reply, unless_gone(Ask)}) end),
            until(fun() -> queued(Sup) > Before orelse not is_process_alive(Pid) end, queue),
            [{Verb, C, Child, Mon}]
    end.

queued(Pid) ->
    case process_info(Pid, message_queue_len) of
        {_, N} -> N;
        undefined -> 0
    end.

sup_pid(Root, <<".">>) -> Root;
sup_pid(_, T) -> rec({nested_pid, T}).

%% ---------------------------------------------------------------------------------------------
%% Waiting

await_unlinked(Sup, Pid) ->
    until(fun() ->
                  case process_info(Sup, links) of
                      {_, Links} -> not lists:member(Pid, Links);
                      undefined -> true
                  end
          end, {unlinked, Sup, Pid}).

await_down(Mon) ->
    receive {'DOWN', Mon, _, _, _} -> ok after ?PATIENCE -> stuck(down) end.

until(Done, What) -> until(Done, What, now_ms()).

until(Done, What, Since) ->
    case Done() of
        true -> ok;
        false ->
            now_ms() - Since < ?PATIENCE orelse stuck(What),
            erlang:yield(),
            until(Done, What, Since)
    end.

%% Asks until no restart is pending.
calm(Sup, Since) ->
    case which(Sup) of
        gone -> gone;
        Children ->
            case lists:all(fun decided/1, Children) of
                true -> ok;
                false ->
                    now_ms() - Since < ?PATIENCE orelse stuck(calm),
                    calm(Sup, Since)
            end
    end.

%% A dead child still shown is one whose 'EXIT' waits behind the question.
decided({_, restarting, _, _}) -> false;
decided({_, undefined, _, _}) -> true;
decided({_, Pid, _, _}) -> is_process_alive(Pid).

which(Sup) -> unless_gone(fun() -> supervisor:which_children(Sup) end).

unless_gone(Ask) ->
    try Ask() catch exit:_ -> gone end.

settle(gone) -> gone;
settle(Root) ->
    Facts = rec(count),
    lists:foreach(fun({P, Keeper}) -> calm_nested(Root, P, Keeper) end, rec(nested)),
    case calm(Root, now_ms()) of
        gone -> await_end(Root);
        ok ->
            case rec(count) of
                Facts -> ok;
                _ -> settle(Root)
            end
    end.

calm_nested(Root, Pid, Keeper) ->
    case calm(Pid, now_ms()) of
        ok -> ok;
        gone -> await_unlinked(Root, Keeper)
    end.

await_end(Root) ->
    case get(ended) of
        Root -> gone;
        _ ->
            receive
                {'EXIT', Root, Reason} -> note({exit, <<".">>, Reason}), put(ended, Root), gone
            after ?PATIENCE -> stuck('end')
            end
    end.

now_ms() -> erlang:monotonic_time(millisecond).

stuck(What) ->
    io:format(standard_error, "harness: no end of waiting for ~p~n", [What]),
    halt(3).

%% ---------------------------------------------------------------------------------------------
%% Output

states(Root) ->
    [state(Name, sup_pid(Root, Name)) || {Name, _} <- get(sups)].

state(Sup, none) -> ["state ", Sup, " gone\n"];
state(Sup, Pid) ->
    Which = which(Pid),
    Counts = supervisor:count_children(Pid),
    Up = case is_dynamic(Sup) of
             true -> maps:from_list([{rec({name, P}), P} || {_, P, _, _} <- Which]);
             false -> maps:from_list([{Id, P} || {Id, P, _, _} <- Which])
         end,
    Names = [N || N <- get(names), parent(N) =:= Sup],
    ["state ", Sup,
     " specs=", integer_to_list(proplists:get_value(specs, Counts)),
     " active=", integer_to_list(proplists:get_value(active, Counts)),
     " restarts=", restarts(sys:get_state(Pid, infinity)),
     [[" ", N, "=", status(maps:get(N, Up, gone)), "/", integer_to_list(rec({starts, N}))]
      || N <- Names],
     "\n"].

restarts(State) ->
    case element(8, State) of
        L when is_list(L) -> integer_to_list(length(L));
        _ -> "?"
    end.

status(Pid) when is_pid(Pid) ->
    case is_process_alive(Pid) of
        true -> "up";
        false -> "stale"
    end;
status(undefined) -> "down";
status(gone) -> "gone";
status(restarting) -> "restarting".

%% Sorts each run of stops that one dynamic supervisor does in parallel.
by_name([{stop, C} | _] = Facts, Done) ->
    P = parent(C),
    case is_dynamic(P) of
        true ->
            {Run, Rest} = lists:splitwith(fun({stop, D}) -> parent(D) =:= P;
                                             (_) -> false
                                          end, Facts),
            by_name(Rest, lists:reverse(lists:sort(Run), Done));
        false -> by_name(tl(Facts), [hd(Facts) | Done])
    end;
by_name([F | Facts], Done) -> by_name(Facts, [F | Done]);
by_name([], Done) -> lists:reverse(Done).

fact({exit, C, Reason}) -> ["exit ", C, " ", reason(Reason)];
fact({stop, C}) -> ["stop ", C];
fact({lost, C}) -> ["lost ", C];
fact({'begin', C}) -> ["begin ", C];
fact({start, C, ok}) -> ["start ", C];
fact({start, C, fail}) -> ["start ", C, " failed"];
fact({start, C, skip}) -> ["start ", C, " ignored"];
fact({giveup, S}) -> ["giveup ", S];
fact({reply, Verb, none, R}) -> ["reply ", atom_to_list(Verb), " ", result(R)];
fact({reply, Verb, C, R}) -> ["reply ", atom_to_list(Verb), " ", C, " ", result(R)];
fact(noop) -> "noop".

result(ok) -> "ok";
result(gone) -> "error gone";
result({ok, undefined}) -> "ok undefined";
result({ok, _}) -> "ok";
result({error, R}) -> ["error ", reason(R)].

reason(R) when is_atom(R) -> atom_to_list(R);
reason(R) when is_binary(R) -> R;
reason({shutdown, R}) -> ["{shutdown,", reason(R), "}"];
reason({already_started, _}) -> "already_started";
reason({failed_to_start_child, C, R}) -> ["{failed_to_start_child,", C, ",", reason(R), "}"];
reason({start_spec, R}) -> ["{start_spec,", reason(R), "}"];
reason({bad_combination, _}) -> "bad_combination";
reason({R, _}) -> reason(R);
reason(R) -> re:replace(io_lib:format("~0p", [R]), "\\s+", "", [global]).

%% ---------------------------------------------------------------------------------------------
%% Called by supervisors, in their own process

init({Name, Flags, Specs}) ->
    put(harness_name, Name),
    Name =:= <<".">> orelse suspend_first(),
    {ok, {Flags, Specs}}.

%% A nested supervisor and its parent run at the same time, so a child of the former that dies at once
%% would race with the parent's next start. Its first message is therefore `suspend`, and whoever
%% starts it lets it go, and become quiet, before the parent goes on.
suspend_first() ->
    Sup = self(),
    spawn(fun() -> unless_gone(fun() -> sys:suspend(Sup, infinity) end) end),
    until(fun() -> queued(Sup) > 0 end, suspend_first).

start_worker(OnStop, Name) ->
    Plan = rec({plan_of, Name}),
    case Plan of
        fail -> {error, x};
        skip -> ignore;
        _ ->
            Sup = self(),
            Pid = spawn_link(fun() -> worker_begins(Plan, Sup, Name, OnStop) end),
            receive {began, Pid} -> ok end,
            Plan =:= ok orelse await_unlinked(Sup, Pid),
            {ok, Pid}
    end.

worker_begins(Plan, Sup, Name, OnStop) ->
    process_flag(trap_exit, true),
    rec({began, Name, self(), Sup}),
    Sup ! {began, self()},
    case Plan of
        ok -> worker(Sup, Name, OnStop);
        {ends, Reason} -> note({exit, Name, Reason}), exit(Reason)
    end.

worker(Sup, Name, OnStop) ->
    receive
        {leave, Reason} -> exit(Reason);
        {'EXIT', Sup, shutdown} -> note({stop, Name}), exit(OnStop);
        {'EXIT', Sup, Reason} -> exit(Reason)
    end.

start_nested(Name, Flags, Specs) ->
    case rec({plan_of, Name}) of
        fail -> {error, x};
        skip -> ignore;
        _ ->
            Parent = self(),
            Keeper = spawn_link(fun() -> keeper_begins(Parent, Name, Flags, Specs) end),
            receive
                {began, Keeper, ok} -> {ok, Keeper};
                {began, Keeper, gone} -> await_unlinked(Parent, Keeper), {ok, Keeper};
                {failed, Keeper, Reason} -> {error, Reason}
            end
    end.

%% A nested supervisor has no callback at its end, so a keeper stands between it and its parent: it
%% passes the request to stop down, and the end up, with the same reason, having reported it.
keeper_begins(Parent, Name, Flags, Specs) ->
    process_flag(trap_exit, true),
    note({'begin', Name}),
    case supervisor:start_link(?MODULE, {Name, Flags, Specs}) of
        {ok, Sup} ->
            rec({nested_began, Name, Sup, self(), Parent}),
            ok = sys:resume(Sup, infinity),
            case calm(Sup, now_ms()) of
                ok ->
                    Parent ! {began, self(), ok},
                    keeper(Parent, Name, Sup);
                gone ->
                    Parent ! {began, self(), gone},
                    keeper(none, Name, Sup)
            end;
        {error, Reason} ->
            note({start, Name, fail}),
            unlink(Parent),
            Parent ! {failed, self(), Reason}
    end.

keeper(Parent, Name, Sup) ->
    receive
        {'EXIT', Sup, Reason} -> note({exit, Name, Reason}), exit(Reason);
        {'EXIT', Parent, Reason} -> exit(Sup, Reason), keeper(none, Name, Sup)
    end.

watch_log(#{msg := {report, #{label := {supervisor, shutdown}}}}, _) ->
    case get(harness_name) of
        undefined -> ok;
        Name -> note({giveup, Name})
    end,
    stop;
watch_log(_, _) -> stop.

%% ---------------------------------------------------------------------------------------------
%% The recorder: one order for everything

rec(Message) ->
    Ref = make_ref(),
    recorder ! {self(), Ref, Message},
    receive {Ref, Answer} -> Answer end.

note(Fact) -> rec({note, Fact}).

recorder(R) ->
    receive
        {From, Ref, Message} ->
            {Answer, R1} = try record(Message, R)
                           catch _:Why:Where ->
                                   io:format(standard_error, "harness: ~p~n~p~n", [Why, Where]),
                                   halt(1)
                           end,
            From ! {Ref, Answer},
            recorder(R1)
    end.

record({note, Fact}, R) -> {ok, fact_noted(Fact, R)};
record(reset, _) ->
    {ok, #rec{}};
record(mute, R) -> {ok, R#rec{mute = true}};
record(take, R) -> {lists:reverse(R#rec.facts), R#rec{facts = []}};
record(count, R) -> {R#rec.count, R};
record({plan, C, What, N}, #rec{plans = Plans} = R) ->
    Queue = maps:get(C, Plans, []) ++ lists:duplicate(N, What),
    {ok, R#rec{plans = Plans#{C => Queue}}};
record({plan_of, C}, #rec{plans = Plans, starts = Starts} = R) ->
    R1 = R#rec{starts = Starts#{C => maps:get(C, Starts, 0) + 1}},
    case maps:get(C, Plans, []) of
        [] -> {ok, R1};
        [{ends, _} = What | Rest] -> {What, R1#rec{plans = Plans#{C => Rest}}};
        [What | Rest] -> {What, fact_noted({start, C, What}, R1#rec{plans = Plans#{C => Rest}})}
    end;
record({began, C, Pid, Sup}, R) -> {ok, fact_noted({start, C, ok}, came(C, Pid, Sup, R))};
record({nested_began, C, Pid, Keeper, Sup}, R) ->
    R1 = fact_noted({start, C, ok}, came(C, Pid, Sup, R)),
    {ok, R1#rec{nested = [{C, Pid, Keeper} | R1#rec.nested]}};
record({find, C}, R) ->
    case R#rec.pids of
        #{C := {Pid, Sup}} ->
            case is_process_alive(Pid) of
                true -> {{Pid, Sup}, R};
                false -> {none, R}
            end;
        _ -> {none, R}
    end;
record({last_pid, C}, R) ->
    case R#rec.pids of
        #{C := {Pid, _}} -> {Pid, R};
        _ -> {none, R}
    end;
record({running_under, T}, R) ->
    {[{C, P} || {C, {P, _}} <- maps:to_list(R#rec.pids), parent(C) =:= T, is_process_alive(P)], R};
record({name, Pid}, R) -> {maps:get(Pid, R#rec.names, none), R};
record({starts, C}, R) -> {maps:get(C, R#rec.starts, 0), R};
record({nested_pid, T}, R) ->
    case lists:keyfind(T, 1, R#rec.nested) of
        {_, Pid, _} -> {case is_process_alive(Pid) of true -> Pid; false -> none end, R};
        false -> {none, R}
    end;
record({keeper, T}, R) ->
    {_, _, Keeper} = lists:keyfind(T, 1, R#rec.nested),
    {Keeper, R};
record(nested, R) ->
    Nested = [N || {_, _, Keeper} = N <- R#rec.nested, is_process_alive(Keeper)],
    {[{Pid, Keeper} || {_, Pid, Keeper} <- lists:reverse(Nested)], R#rec{nested = Nested}}.

came(C, Pid, Sup, #rec{pids = Pids, names = Names} = R) ->
    R#rec{pids = Pids#{C => {Pid, Sup}}, names = Names#{Pid => C}}.

fact_noted(_, #rec{mute = true} = R) -> R;
fact_noted(Fact, #rec{facts = Facts, count = N} = R) -> R#rec{facts = [Fact | Facts], count = N + 1}.
