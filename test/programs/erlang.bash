#!/bin/bash
# Erlang: gen_tcp, and the module socket, whose calls are made by a NIF.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >echo.erl <<'END'
#!/usr/bin/escript
main(["gen_tcp", "server"]) ->
    {ok, Listener} = gen_tcp:listen(8000, [binary, {ip, {127, 0, 0, 1}},
        {active, false}]),
    serve(fun() -> gen_tcp:accept(Listener) end, gen_tcp);
main(["gen_tcp", "client"]) ->
    {ok, Peer} = gen_tcp:connect({127, 0, 0, 1}, 8000, [binary,
        {active, false}]),
    talk(Peer, gen_tcp);
main(["socket", "server"]) ->
    {ok, Listener} = socket:open(inet, stream, tcp),
    ok = socket:bind(Listener, at(8001)),
    ok = socket:listen(Listener),
    serve(fun() -> socket:accept(Listener) end, socket);
main(["socket", "client"]) ->
    {ok, Peer} = socket:open(inet, stream, tcp),
    ok = socket:connect(Peer, at(8001)),
    talk(Peer, socket).

at(Port) ->
    #{family => inet, addr => {127, 0, 0, 1}, port => Port}.

serve(Accept, Module) ->
    {ok, Peer} = Accept(),
    echo(Peer, Module),
    serve(Accept, Module).

echo(Peer, Module) ->
    case Module:recv(Peer, 0) of
        {ok, Data} ->
            ok = Module:send(Peer, Data),
            echo(Peer, Module);
        {error, closed} ->
            Module:close(Peer)
    end.

talk(Peer, Module) ->
    case io:get_line("") of
        eof ->
            Module:close(Peer);
        Line ->
            ok = Module:send(Peer, Line),
            {ok, Data} = Module:recv(Peer, 0),
            io:put_chars(Data),
            talk(Peer, Module)
    end.
END

# try MODULE PORT
try() {
	serve "$2" "${under[@]}" escript echo.erl "$1" server
	client "${under[@]}" escript echo.erl "$1" client
	say 'it works'
	heard 'it works'
	see "Erlang (\`$1\`)" server erlang-base "$2"
	see "Erlang (\`$1\`)" client erlang-base "$2"
	finish
}
try gen_tcp 8000
try socket 8001
