using Macro.Core;
using Macro.Dht;
using Macro.DhtPeer;

// A node of the DHT for the labs. Commands come in on stdin, one to a line with a tag in front; one line of JSON answers each.
var listen = new List<Endpoint>();
var options = new DhtOptions { V4 = false, V6 = false };
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--listen":
            listen.Add(Endpoint.Parse(args[++i]));
            options = listen[^1].Address.IsV4 ? options with { V4 = true } : options with { V6 = true };
            break;
        case "--bootstrap":
            options = options with { Bootstrap = [.. args[++i].Split(',').Select(text => Endpoint.Parse(text))] };
            break;
        case "--read-only":
            options = options with { ReadOnly = true };
            break;
        case "--local":
            options = options with { Local = true };
            break;
        case "--queries-per-second":
            options = options with { QueriesPerSecond = int.Parse(args[++i]) };
            break;
        default:
            Console.Error.WriteLine("dht-peer --listen ENDPOINT [--listen ENDPOINT] [--bootstrap ENDPOINT,...] [--read-only] [--local] [--queries-per-second N]");
            return 2;
    }
}

using var peer = new Peer(options, listen);
peer.Run();
return 0;
