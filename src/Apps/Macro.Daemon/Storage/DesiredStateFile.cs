using System.Text.Json;
using Macro.Circuits;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;

namespace Macro.Daemon.Storage;

/// <summary>What the user wants, in "desired.json": so that a node that is started again goes on.</summary>
public sealed class DesiredStateFile
{
    const string Name = "desired.json";

    readonly DataFolder _folder;
    readonly NodeSettings _settings;
    readonly Lock _lock = new();
    Wishes _wishes;

    /// <summary>Reads the file; without one, or with one that is damaged, the settings say what is wanted.</summary>
    public DesiredStateFile(DataFolder folder, NodeSettings settings)
    {
        (_folder, _settings) = (folder, settings);
        _wishes = Parse(folder.TryRead(Name)) ?? new Wishes();
    }

    public DesiredState Current
    {
        get
        {
            var wishes = _wishes;
            var exit = wishes.Exit ?? _settings.Exit.Enabled;
            return new DesiredState
            {
                Up = wishes.Up,
                Mode = wishes.Mode ?? _settings.Client.Mode,
                ExitRegion = wishes.ExitRegion is { } regions ? regions == ExitRegions.Any ? null : regions : _settings.Client.ExitRegion,
                Relay = wishes.Relay ?? (_settings.Relay.Enabled || exit),
                Exit = exit,
            };
        }
    }

    public void Change(Func<Wishes, Wishes> change)
    {
        lock (_lock)
        {
            var next = change(_wishes);
            if (next == _wishes)
                return;
            _folder.Write(Name, JsonSerializer.SerializeToUtf8Bytes(next, WishesJson.Default.Wishes));
            _wishes = next;
        }
    }

    static Wishes? Parse(byte[]? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize(json, WishesJson.Default.Wishes);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
