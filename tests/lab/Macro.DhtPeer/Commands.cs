using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Macro.Core;
using Macro.Crypto;
using Macro.Dht;

namespace Macro.DhtPeer;

/// <summary>The line protocol: TAG COMMAND ARGUMENT... in, {"tag": TAG, ...} out when it is over. Bytes are hexadecimal, "-" is none.</summary>
sealed class Commands(DhtNode node)
{
    readonly ConcurrentQueue<string> _lines = new();
    readonly Dictionary<int, string> _tags = [];
    readonly Dictionary<int, HashSet<Endpoint>> _peers = [];
    bool _ended;

    public bool Ended => Volatile.Read(ref _ended);

    /// <param name="ring">Called after each line, and at the end.</param>
    public void ReadLines(Action ring)
    {
        while (Console.ReadLine() is { } line)
        {
            _lines.Enqueue(line);
            ring();
        }
        Volatile.Write(ref _ended, true);
        ring();
    }

    public void Start(Instant now)
    {
        while (_lines.TryDequeue(out var line))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 1 && Start(words[0], words[1..], now) is var number && number != 0)
                _tags[number] = words[0];
        }
    }

    /// <summary>0 when the answer is out already.</summary>
    int Start(string tag, string[] words, Instant now)
    {
        switch (words)
        {
            case ["ping", var endpoint]:
                return node.Ping(Endpoint.Parse(endpoint), now);
            case ["nodes", var target]:
                return node.FindNodes(Key(target), now);
            case ["peers", var infoHash]:
                return node.GetPeers(Key(infoHash), now);
            case ["announce", var infoHash, var port]:
                return node.Announce(Key(infoHash), ushort.Parse(port, CultureInfo.InvariantCulture), implied: false, now);
            case ["announce-implied", var infoHash, var port]:
                return node.Announce(Key(infoHash), ushort.Parse(port, CultureInfo.InvariantCulture), implied: true, now);
            case ["get-immutable", var target]:
                return node.GetImmutable(Key(target), now);
            case ["put-immutable", var value]:
                return node.PutImmutable(Bytes(value), now);
            case ["get", var key, var salt]:
                return node.GetMutable(new PublicKey(Bytes(key)), Bytes(salt), disjoint: false, now);
            case ["get-disjoint", var key, var salt]:
                return node.GetMutable(new PublicKey(Bytes(key)), Bytes(salt), disjoint: true, now);
            case ["put", var seed, var salt, var sequence, var value, .. var cas]:
                using (var key = new SigningKey(Bytes(seed)))
                    return node.PutMutable(
                        MutableItem.Sign(key, Bytes(salt), long.Parse(sequence, CultureInfo.InvariantCulture), Bytes(value)),
                        cas.Length == 0 ? null : long.Parse(cas[0], CultureInfo.InvariantCulture), now);
            case ["key", var seed]:
                using (var key = new SigningKey(Bytes(seed)))
                    Say(new JsonObject { ["tag"] = tag, ["key"] = key.PublicKey.ToHex() });
                return 0;
            case ["sign", var seed, var salt, var sequence, var value]:
                using (var key = new SigningKey(Bytes(seed)))
                {
                    var item = MutableItem.Sign(key, Bytes(salt), long.Parse(sequence, CultureInfo.InvariantCulture), Bytes(value));
                    Say(new JsonObject { ["tag"] = tag, ["sig"] = Convert.ToHexStringLower(item.Signature.Span) });
                }
                return 0;
            case ["read-only", var on]:
                node.ReadOnly = on == "1";
                Say(new JsonObject { ["tag"] = tag });
                return 0;
            case ["state"]:
                Say(new JsonObject { ["tag"] = tag, ["v4"] = State(true), ["v6"] = State(false) });
                return 0;
            case ["save"]:
                Say(new JsonObject { ["tag"] = tag, ["bytes"] = Convert.ToHexStringLower(node.Save(now)) });
                return 0;
            case ["load", var saved]:
                Say(new JsonObject { ["tag"] = tag, ["ok"] = node.TryLoad(Bytes(saved), now) });
                return 0;
            default:
                Say(new JsonObject { ["tag"] = tag, ["error"] = "no such command" });
                return 0;
        }
    }

    public void Report(DhtEvent happened)
    {
        if (happened is PeersFound found)
        {
            if (!_peers.TryGetValue(found.Operation, out var peers))
                _peers.Add(found.Operation, peers = []);
            peers.UnionWith(found.Peers);
            return;
        }
        var line = happened switch
        {
            Pinged pinged => new JsonObject { ["id"] = pinged.Id?.ToString(), ["ms"] = pinged.RoundTrip.TotalMilliseconds },
            NodesFound nodes => With(nodes.Report, new JsonObject
            {
                ["nodes"] = new JsonArray([.. nodes.Closest.Select(each => JsonValue.Create($"{each.Id} {each.Endpoint}"))]),
            }),
            PeersEnded ended => With(ended.Report, new JsonObject
            {
                ["peers"] = new JsonArray([.. _peers.GetValueOrDefault(ended.Operation, []).Select(each => JsonValue.Create(each.ToString()))]),
                ["announced"] = ended.Announced,
            }),
            GetEnded got => With(got.Report, new JsonObject
            {
                ["value"] = Convert.ToHexStringLower(got.Value.Span),
                ["seq"] = got.Item?.Sequence,
            }),
            PutEnded put => With(put.Report, new JsonObject
            {
                ["target"] = put.Target.ToString(),
                ["stored"] = put.Stored,
                ["refused"] = new JsonObject([.. put.Refused.Select(each => KeyValuePair.Create(((int)each.Key).ToString(CultureInfo.InvariantCulture), (JsonNode?)each.Value))]),
                ["newer"] = put.Newer?.Sequence,
            }),
            _ => null,
        };
        if (line is null || happened is not OperationEvent { Operation: var number } || !_tags.Remove(number, out var tag))
            return;
        _peers.Remove(number);
        line["tag"] = tag;
        Say(line);
    }

    static JsonObject With(LookupReport report, JsonObject line)
    {
        line["ms"] = report.Elapsed.TotalMilliseconds;
        line["queries"] = report.Queries;
        line["answers"] = report.Answers;
        line["crowded"] = report.Crowded;
        return line;
    }

    JsonObject? State(bool v4) => node.State(v4) is not { } state ? null : new JsonObject
    {
        ["id"] = state.Id.ToString(),
        ["seen"] = state.Seen.IsNone ? null : state.Seen.ToString(),
        ["contacts"] = state.Contacts,
        ["depth"] = state.Depth,
        ["nodes"] = state.Nodes,
    };

    static void Say(JsonObject line) => Console.WriteLine(line.ToJsonString(JsonSerializerOptions.Default));

    static Id160 Key(string text) => Id160.TryParse(text, out var id) ? id : throw new FormatException($"'{text}' is not 40 hexadecimal digits.");

    static byte[] Bytes(string text) => text == "-" ? [] : Convert.FromHexString(text);
}
