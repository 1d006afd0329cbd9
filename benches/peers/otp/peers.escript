#!/usr/bin/env escript
%% -*- erlang -*-
%%! +S 2:2 +P 4000000
%% The cases of src/cases.rs for Erlang/OTP's own supervisor, in its usual forms.
%%
%% It takes the name of a case, a count and the milliseconds it may take, and prints the line that
%% src/line.rs describes. Children count in atomics, as the others' do; a child that is due to stay
%% tells nothing but its count, and the one that completes the count tells the case.
-module(peers).
-mode(compile).
-behaviour(supervisor).
-export([main/1, init/1, start_child/2, child/2]).

%% Counts: runs that stay, runs or tasks that ended, ends out of order, the child that ended last.
-define(STAYING, 1).
-define(ENDED, 2).
-define(OUT_OF_ORDER, 3).
-define(LAST_ENDED, 4).

-define(MANY, 1000).

main(["version"]) ->
    io:format("~s~n", [erlang:system_info(otp_release)]);
main([Case, CountText, PatienceText]) ->
    logger:set_primary_config(level, none),
    Count = list_to_integer(CountText),
    Patience = list_to_integer(PatienceText),
    persistent_term:put(counts, atomics:new(4, [])),
    Main = self(),
    {Pid, Monitor} = spawn_monitor(fun() -> Main ! {figure, run(Case, Count)} end),
    receive
        {figure, {Elapsed, Bytes}} ->
            io:format("done ~b ~b ~b~n", [Count, Elapsed, Bytes]);
        {'DOWN', Monitor, process, Pid, Why} ->
            io:format("cannot failed: ~0p~n", [Why])
    after Patience ->
        cut_short(Case, Count)
    end,
    %% Children that are left would take their time to be taken down.
    halt(0, [{flush, true}]).

cut_short(Case, Count) ->
    case persistent_term:get(began, none) of
        none ->
            io:format("cannot had not even started its children when its time was up~n");
        Began ->
            Elapsed = erlang:monotonic_time(nanosecond) - Began,
            io:format("cut-short ~b ~b 0~n", [so_far(Case, Count), Elapsed])
    end.

so_far("start", _) -> count(?STAYING);
so_far("restart-one", _) -> max(0, runs() - 1);
so_far("restart-many", _) -> max(0, runs() - ?MANY);
so_far("storm" ++ _, Count) -> max(0, count(?STAYING) - Count);
so_far(_, _) -> count(?ENDED).

%% Each case returns nanoseconds and bytes.

run("start", Count) ->
    prepare(Count, 0),
    expect(?STAYING, Count),
    Before = memory("/proc/self/smaps_rollup", "Pss:"),
    Began = began(),
    Sup = start_simple(idle, Count),
    await(),
    Elapsed = since(Began),
    Bytes = memory("/proc/self/smaps_rollup", "Pss:") - Before,
    runs_of_each(Count, 1),
    true = is_process_alive(Sup),
    {Elapsed, max(0, Bytes) div Count};
run("stop", Count) ->
    prepare(Count, 0),
    expect(?STAYING, Count),
    Processes = erlang:system_info(process_count),
    Sup = start_simple(idle, Count),
    await(),
    Began = began(),
    gen_server:stop(Sup),
    Elapsed = since(Began),
    Processes = erlang:system_info(process_count),
    {Elapsed, 0};
run("stop-in-order", Count) ->
    prepare(Count, 0),
    expect(?STAYING, Count),
    {ok, Sup} = supervisor:start_link(?MODULE, {static, ordered, Count}),
    await(),
    Began = began(),
    gen_server:stop(Sup),
    Elapsed = since(Began),
    {Count, 0} = {count(?ENDED), count(?OUT_OF_ORDER)},
    {Elapsed, 0};
run("restart-one", Count) ->
    restart(1, Count);
run("restart-many", Count) ->
    restart(?MANY, Count div ?MANY);
run("storm" ++ _, Count) ->
    prepare(Count, 0),
    expect(?STAYING, Count),
    Sup = start_simple(in_storm, Count),
    await(),
    Children = [Pid || {_, Pid, _, _} <- supervisor:which_children(Sup)],
    expect(?STAYING, 2 * Count),
    Began = began(),
    [Child ! storm || Child <- Children],
    await(),
    Elapsed = since(Began),
    runs_of_each(Count, 2),
    {Elapsed, 0};
run("churn", Count) ->
    Before = memory("/proc/self/smaps_rollup", "Pss:"),
    Began = began(),
    Sup = start_simple(ends, Count),
    drained(Sup),
    Elapsed = since(Began),
    Count = count(?ENDED),
    Peak = memory("/proc/self/status", "VmHWM:"),
    {Elapsed, max(0, Peak - Before) div Count};
run("one-by-one", Count) ->
    Began = began(),
    {ok, Sup} = supervisor:start_link(?MODULE, {simple, ends}),
    one_by_one(Sup, Count),
    Elapsed = since(Began),
    Count = count(?ENDED),
    {Elapsed, 0}.

restart(Children, Failures) ->
    prepare(Children, Failures),
    expect(?STAYING, Children),
    Began = began(),
    Sup = start_simple(fails, Children),
    await(),
    Elapsed = since(Began),
    runs_of_each(Children, Failures + 1),
    true = is_process_alive(Sup),
    {Elapsed, 0}.

start_simple(Work, Count) ->
    {ok, Sup} = supervisor:start_link(?MODULE, {simple, Work}),
    [{ok, _} = supervisor:start_child(Sup, [Child]) || Child <- lists:seq(1, Count)],
    Sup.

one_by_one(_, 0) ->
    ok;
one_by_one(Sup, Count) ->
    {ok, Pid} = supervisor:start_child(Sup, [Count]),
    Monitor = erlang:monitor(process, Pid),
    receive
        {'DOWN', Monitor, process, Pid, _} -> one_by_one(Sup, Count - 1)
    end.

drained(Sup) ->
    case proplists:get_value(active, supervisor:count_children(Sup)) of
        0 -> ok;
        _ -> drained(Sup)
    end.

%% The supervisor. No limit on restarts can be had: this one is never reached.

init({simple, Work}) ->
    Restart =
        case Work of
            ends -> temporary;
            _ -> transient
        end,
    Flags = #{strategy => simple_one_for_one, intensity => 1000000000, period => 1},
    {ok, {Flags, [spec(Work, Restart, [Work])]}};
init({static, Work, Count}) ->
    Flags = #{strategy => one_for_one, intensity => 1000000000, period => 1},
    {ok, {Flags, [spec(Child, transient, [Work, Child]) || Child <- lists:seq(1, Count)]}}.

spec(Id, Restart, Arguments) ->
    #{id => Id, start => {?MODULE, start_child, Arguments}, restart => Restart}.

start_child(Work, Child) ->
    {ok, proc_lib:spawn_link(?MODULE, child, [Work, Child])}.

%% The children.

child(ends, _) ->
    add(?ENDED);
child(Work, Child) ->
    Run = atomics:add_get(persistent_term:get(runs), Child, 1),
    case Work of
        idle ->
            stay();
        ordered ->
            process_flag(trap_exit, true),
            add(?STAYING),
            receive
                {'EXIT', _, Why} ->
                    Last = atomics:exchange(persistent_term:get(counts), ?LAST_ENDED, Child),
                    Last =:= 0 orelse Last > Child orelse add(?OUT_OF_ORDER),
                    add(?ENDED),
                    exit(Why)
            end;
        in_storm when Run =:= 1 ->
            add(?STAYING),
            receive
                storm -> exit(failed)
            end;
        in_storm ->
            stay();
        fails ->
            Run > persistent_term:get(failures) orelse exit(failed),
            stay()
    end.

stay() ->
    add(?STAYING),
    receive
        never -> ok
    end.

%% Counting.

prepare(Children, Failures) ->
    persistent_term:put(runs, atomics:new(Children, [])),
    persistent_term:put(failures, Failures).

expect(Count, Number) ->
    persistent_term:put(expected, {Count, Number, self()}).

add(Count) ->
    Now = atomics:add_get(persistent_term:get(counts), Count, 1),
    case persistent_term:get(expected, none) of
        {Count, Now, Case} -> Case ! reached;
        _ -> ok
    end.

await() ->
    receive
        reached -> ok
    end.

count(Count) ->
    atomics:get(persistent_term:get(counts), Count).

runs() ->
    Runs = persistent_term:get(runs),
    lists:sum([atomics:get(Runs, Child) || Child <- lists:seq(1, maps:get(size, atomics:info(Runs)))]).

runs_of_each(Children, Expected) ->
    Runs = persistent_term:get(runs),
    [Expected = atomics:get(Runs, Child) || Child <- lists:seq(1, Children)].

began() ->
    Began = erlang:monotonic_time(nanosecond),
    persistent_term:put(began, Began),
    Began.

since(Began) ->
    erlang:monotonic_time(nanosecond) - Began.

memory(File, Field) ->
    {ok, Handle} = file:open(File, [read, raw, binary]),
    {ok, Text} = file:read(Handle, 65536),
    ok = file:close(Handle),
    {match, [KiB]} = re:run(Text, Field ++ "\\s+(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(KiB) * 1024.
