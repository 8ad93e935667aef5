using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Macro.Api;

/// <summary>
/// The typed client of a node's API: HTTP/1.1 over a Unix socket. Every method throws <see cref="NodeException"/> when the
/// node refuses or is not there, with a problem that can be shown to the user as it is.
/// </summary>
public sealed class NodeClient : IDisposable
{
    readonly HttpClient _http;

    /// <param name="socketPath">The socket of the node; null: <see cref="ApiSocket.DefaultPath"/>.</param>
    public NodeClient(string? socketPath = null)
    {
        SocketPath = socketPath ?? ApiSocket.DefaultPath;
        _http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ConnectCallback = ConnectAsync,
        })
        {
            BaseAddress = new Uri("http://node/"),
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    public string SocketPath { get; }

    public Task<VersionAnswer> VersionAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Version, ApiJson.Default.VersionAnswer, cancel);

    /// <summary>Looks at the machine; takes up to a second.</summary>
    public Task<DoctorAnswer> DoctorAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Doctor, ApiJson.Default.DoctorAnswer, cancel);

    /// <summary>Examines the network; takes about ten seconds.</summary>
    public Task<NetcheckAnswer> NetcheckAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Netcheck, ApiJson.Default.NetcheckAnswer, cancel);

    public Task<Status> StatusAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Status, ApiJson.Default.Status, cancel);

    public Task<CircuitAnswer> CircuitAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Circuit, ApiJson.Default.CircuitAnswer, cancel);

    public Task<WhyAnswer> CircuitWhyAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.CircuitWhy, ApiJson.Default.WhyAnswer, cancel);

    public Task<ProxyAnswer> ProxyAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Proxy, ApiJson.Default.ProxyAnswer, cancel);

    /// <summary>Asks for a connection and returns at once; follow it with <see cref="WatchAsync"/>.</summary>
    public Task<Status> UpAsync(UpRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.Up, request, ApiJson.Default.UpRequest, ApiJson.Default.Status, cancel);

    /// <summary>Returns when device, routes and rules are gone.</summary>
    public Task<Status> DownAsync(CancellationToken cancel = default) =>
        PostAsync(ApiPaths.Down, ApiJson.Default.Status, cancel);

    /// <summary>Returns when the node is about to end; soon afterwards nobody answers.</summary>
    public Task<StopAnswer> StopAsync(CancellationToken cancel = default) =>
        PostAsync(ApiPaths.Stop, ApiJson.Default.StopAnswer, cancel);

    public Task<Status> RelayAsync(RelayRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.Relay, request, ApiJson.Default.RelayRequest, ApiJson.Default.Status, cancel);

    public Task<Status> ExitAsync(ExitRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.Exit, request, ApiJson.Default.ExitRequest, ApiJson.Default.Status, cancel);

    public Task<NetworkAnswer> NetworkAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Network, ApiJson.Default.NetworkAnswer, cancel);

    public Task<PeersAnswer> PeersAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Peers, ApiJson.Default.PeersAnswer, cancel);

    public Task<BlockedAnswer> BlockedAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.PeersBlocked, ApiJson.Default.BlockedAnswer, cancel);

    public Task<BlockedAnswer> BlockAsync(BlockRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.PeersBlock, request, ApiJson.Default.BlockRequest, ApiJson.Default.BlockedAnswer, cancel);

    public Task<BlockedAnswer> UnblockAsync(BlockRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.PeersUnblock, request, ApiJson.Default.BlockRequest, ApiJson.Default.BlockedAnswer, cancel);

    public Task<NetworkStatusAnswer> NetworkStatusAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.NetworkStatus, ApiJson.Default.NetworkStatusAnswer, cancel);

    public Task<JoinAnswer> CreateNetworkAsync(CreateNetworkRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.NetworkCreate, request, ApiJson.Default.CreateNetworkRequest, ApiJson.Default.JoinAnswer, cancel);

    /// <summary>The link names relays that are known now: the more there are, the longer it stays good.</summary>
    public Task<InviteAnswer> InviteAsync(CancellationToken cancel = default) =>
        PostAsync(ApiPaths.Invite, ApiJson.Default.InviteAnswer, cancel);

    public Task<JoinAnswer> JoinNetworkAsync(JoinRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.NetworkJoin, request, ApiJson.Default.JoinRequest, ApiJson.Default.JoinAnswer, cancel);

    /// <summary>Back to the network of the settings.</summary>
    public Task<JoinAnswer> LeaveNetworkAsync(CancellationToken cancel = default) =>
        PostAsync(ApiPaths.NetworkLeave, ApiJson.Default.JoinAnswer, cancel);

    public Task<DirectoryText> ExportNetworkAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.NetworkExport, ApiJson.Default.DirectoryText, cancel);

    public Task<ImportAnswer> ImportNetworkAsync(DirectoryText directory, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.NetworkImport, directory, ApiJson.Default.DirectoryText, ApiJson.Default.ImportAnswer, cancel);

    public Task<KeysAnswer> KeysAsync(CancellationToken cancel = default) =>
        GetAsync(ApiPaths.Keys, ApiJson.Default.KeysAnswer, cancel);

    public Task<KeysAnswer> RotateKeysAsync(CancellationToken cancel = default) =>
        PostAsync(ApiPaths.KeysRotate, ApiJson.Default.KeysAnswer, cancel);

    public Task<BackupAnswer> BackupKeysAsync(BackupRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.KeysBackup, request, ApiJson.Default.BackupRequest, ApiJson.Default.BackupAnswer, cancel);

    public Task<Done> RestoreKeysAsync(RestoreRequest request, CancellationToken cancel = default) =>
        PostAsync(ApiPaths.KeysRestore, request, ApiJson.Default.RestoreRequest, ApiJson.Default.Done, cancel);

    /// <summary>The status now and at every change, until the node stops or the caller does.</summary>
    public async IAsyncEnumerable<Status> WatchAsync([EnumeratorCancellation] CancellationToken cancel = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, ApiPaths.StatusStream);
        using var response = await SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel);
        using var stream = await response.Content.ReadAsStreamAsync(cancel);
        using var reader = new StreamReader(stream);
        while (true)
        {
            string? line;
            try
            {
                line = await reader.ReadLineAsync(cancel);
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                throw new NodeException(ProblemCodes.NotRunning, "The node closed the connection.", "Look whether macrovpnd still runs.", e);
            }
            if (line is null)
                yield break;
            if (line.Length > 0)
                yield return Read(line, ApiJson.Default.Status);
        }
    }

    public void Dispose() => _http.Dispose();

    async Task<TAnswer> GetAsync<TAnswer>(string path, JsonTypeInfo<TAnswer> answer, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await ExchangeAsync(request, answer, cancel);
    }

    async Task<TAnswer> PostAsync<TAnswer>(string path, JsonTypeInfo<TAnswer> answer, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        return await ExchangeAsync(request, answer, cancel);
    }

    async Task<TAnswer> PostAsync<TRequest, TAnswer>(
        string path, TRequest body, JsonTypeInfo<TRequest> shape, JsonTypeInfo<TAnswer> answer, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, shape));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return await ExchangeAsync(request, answer, cancel);
    }

    async Task<TAnswer> ExchangeAsync<TAnswer>(HttpRequestMessage request, JsonTypeInfo<TAnswer> answer, CancellationToken cancel)
    {
        using var response = await SendAsync(request, HttpCompletionOption.ResponseContentRead, cancel);
        return Read(await response.Content.ReadAsStringAsync(cancel), answer);
    }

    async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, HttpCompletionOption completion, CancellationToken cancel)
    {
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, completion, cancel);
        }
        catch (HttpRequestException e)
        {
            throw new NodeException(Unreachable(e), e);
        }
        if (response.StatusCode == HttpStatusCode.OK)
            return response;
        using (response)
            throw new NodeException(Read(await response.Content.ReadAsStringAsync(cancel), ApiJson.Default.Problem));
    }

    Problem Unreachable(HttpRequestException e)
    {
        if ((e.InnerException as SocketException)?.SocketErrorCode == SocketError.AccessDenied)
            return new Problem
            {
                Code = ProblemCodes.NotPermitted,
                Message = $"This user may not speak to the node at {SocketPath}.",
                Remedy = "Run the command as the user who runs macrovpnd (sudo for a system service).",
            };
        // Not "not running": a second node would want the same ports.
        if (!Environment.IsPrivilegedProcess && SocketPath == ApiSocket.DefaultPath && Directory.Exists(ApiSocket.SystemFolder))
            return new Problem
            {
                Code = ProblemCodes.NotPermitted,
                Message = "This machine has a node that runs as root.",
                Remedy = "Use sudo macrovpn ..., or start one of your own with macrovpnd and another node.udp_port.",
            };
        return new Problem
        {
            Code = ProblemCodes.NotRunning,
            Message = $"No node answers at {SocketPath}.",
            Remedy = "Start it with 'macrovpn up' or 'macrovpnd', or name its socket with --api SOCKET.",
        };
    }

    static T Read<T>(string text, JsonTypeInfo<T> shape)
    {
        try
        {
            if (JsonSerializer.Deserialize(text, shape) is { } value)
                return value;
        }
        catch (JsonException)
        {
        }
        throw new NodeException(
            ProblemCodes.BadAnswer, "The node's answer is not understood.", "Use macrovpn and macrovpnd of the same version.");
    }

    async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancel);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
