using Macro.Api;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>The part of the API that says which relays are to be left out.</summary>
sealed partial class EngineControl
{
    readonly SemaphoreSlim _saving = new(1);

    public async Task<BlockedAnswer> BlockAsync(string rule, bool blocked, CancellationToken cancel)
    {
        if (!BlockRule.TryParse(rule, out var parsed))
            throw new NodeException(
                ProblemCodes.BadRequest, $"'{rule}' names no relays.", "Use a node id, a network as in 192.0.2.0/24, a country as in CH, or a system as in AS64496.");
        var changed = await Threads.RunAsync(() => blocked ? Node.Controller.Blocklist.Block(parsed) : Node.Controller.Blocklist.Unblock(parsed));
        if (!changed && !blocked)
            throw new NodeException(ProblemCodes.WrongState, $"{parsed} is not blocked.", "See what is with 'macrovpn peers blocked'.");
        await SavePeersAsync(cancel);
        return await BlockedAsync(cancel);
    }

    public Task<BlockedAnswer> BlockedAsync(CancellationToken cancel) => Threads.RunAsync(() => PathWords.Describe(Node.Controller.Blocklist, Threads.Clock.Now));

    async Task SavePeersAsync(CancellationToken cancel)
    {
        await _saving.WaitAsync(cancel);
        try
        {
            if (await Threads.RunAsync(() => memory.Changed(Node.Controller, Threads.Clock.Now)) is { } texts)
                await Task.Run(() => memory.Save(texts), cancel);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotSaved(e.GetType().Name);
        }
        finally
        {
            _saving.Release();
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the data folder could not be written: {kind}")]
    partial void LogNotSaved(string kind);
}
