using System.Text.Json;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;

namespace Macro.Daemon.Storage;

/// <summary>What the user wants, in "desired.json": so that a node that is started again goes on.</summary>
public sealed class DesiredStateFile
{
    const string Name = "desired.json";

    readonly DataFolder _folder;
    readonly Lock _lock = new();

    /// <summary>Reads the file; without one, or with one that is damaged, the settings say what is wanted.</summary>
    public DesiredStateFile(DataFolder folder, NodeSettings settings)
    {
        _folder = folder;
        var fallback = new DesiredState
        {
            Mode = settings.Client.Mode,
            ExitRegion = settings.Client.ExitRegion,
            Relay = settings.Relay.Enabled || settings.Exit.Enabled,
            Exit = settings.Exit.Enabled,
        };
        Current = Parse(folder.TryRead(Name)) ?? fallback;
    }

    public DesiredState Current { get; private set; }

    public void Change(Func<DesiredState, DesiredState> change)
    {
        lock (_lock)
        {
            var next = change(Current);
            if (next == Current)
                return;
            _folder.Write(Name, JsonSerializer.SerializeToUtf8Bytes(next, DesiredStateJson.Default.DesiredState));
            Current = next;
        }
    }

    static DesiredState? Parse(byte[]? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize(json, DesiredStateJson.Default.DesiredState);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
