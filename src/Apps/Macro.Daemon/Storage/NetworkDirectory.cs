using System.Text;
using Macro.Api;
using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Macro.Peers;

namespace Macro.Daemon.Storage;

/// <summary>
/// The relays that this node knows: what was imported (file "directory" in the data folder) and the file that the settings
/// name. Thread-safe.
/// </summary>
public sealed class NetworkDirectory
{
    public const string FileName = "directory";

    readonly Lock _lock = new();
    readonly DataFolder _folder;
    readonly NodeSettings _settings;
    readonly CurrentNetwork _network;
    readonly WallClock _clock;
    RelayDirectory _directory;

    /// <exception cref="NodeException">The file of the settings cannot be used. A damaged file of our own counts as empty.</exception>
    public NetworkDirectory(DataFolder folder, NodeSettings settings, CurrentNetwork network, WallClock clock)
    {
        _folder = folder;
        _settings = settings;
        _network = network;
        _clock = clock;
        _directory = new RelayDirectory(Rules.Network);
        Load();
        network.Changed += Forget;
    }

    /// <summary>Raised, on the caller's thread, when <see cref="Current"/> would give other relays.</summary>
    public event Action? Changed;

    /// <summary>What this network accepts.</summary>
    public DescriptorRules Rules => _network.Current.Rules;

    /// <summary>The relays that count now, in the order of their ids.</summary>
    public IReadOnlyList<SignedDescriptor> Current()
    {
        lock (_lock)
            return _directory.Current(_clock.Now);
    }

    /// <summary>Takes a directory file in and stores what is known then.</summary>
    /// <exception cref="NodeException">It is none, or of another network.</exception>
    public ImportAnswer Import(string text)
    {
        var entries = Read(text);
        int added;
        lock (_lock)
        {
            added = Take(entries);
            if (added > 0)
                _folder.Write(FileName, Encoding.UTF8.GetBytes(DirectoryFile.Write(_network.Current.Name, _directory.Current(_clock.Now))));
        }
        if (added > 0)
            Changed?.Invoke();
        var refused = entries.Where(e => e.Signed is null).Select(e => $"line {e.Line}: {Reason(e.Verdict)}").ToArray();
        return new ImportAnswer { Added = added, Known = entries.Count - refused.Length - added, Refused = refused };
    }

    /// <summary>The directory file of what is known, with this node's own descriptor when it has one.</summary>
    public string Export(SignedDescriptor? own)
    {
        var known = Current();
        return DirectoryFile.Write(_network.Current.Name, own is null ? known : known.Where(d => d.Id != own.Id).Append(own).OrderBy(d => d.Id));
    }

    void Load()
    {
        if (_folder.TryRead(FileName) is { } own
            && DirectoryFile.TryRead(Encoding.UTF8.GetString(own), Rules, _clock.Now, out var network, out var entries) && network == _network.Current.Name)
            Take(entries);
        if (_settings.Network.Directory is { } path)
            Take(Read(ReadFile(path)));
    }

    /// <summary>Another network has other relays.</summary>
    void Forget()
    {
        lock (_lock)
            _directory = new RelayDirectory(Rules.Network);
        File.Delete(_folder.PathOf(FileName));
        Changed?.Invoke();
    }

    IReadOnlyList<DirectoryFileEntry> Read(string text)
    {
        if (!DirectoryFile.TryRead(text, Rules, _clock.Now, out var network, out var entries))
            throw new NodeException(ProblemCodes.BadDirectory, "This is not a directory file.", "Take a file that 'macrovpn network export' wrote.");
        return network == _network.Current.Name
            ? entries
            : throw new NodeException(
                ProblemCodes.BadDirectory, $"The file is of the network '{network}', and this node is of '{_network.Current.Name}'.",
                "Take the file of this network, or set network.name.");
    }

    int Take(IReadOnlyList<DirectoryFileEntry> entries) => entries.Count(
        e => e.Signed is { } signed && _directory.Offer(signed, _clock.Now) is DirectoryChange.Added or DirectoryChange.Replaced);

    static string ReadFile(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NodeException(ProblemCodes.BadDirectory, $"The directory file {path} cannot be read.", "Check network.directory in the settings.", e);
        }
    }

    static string Reason(DescriptorVerdict verdict) => verdict switch
    {
        DescriptorVerdict.Valid => "it is good",
        DescriptorVerdict.BadLength => "its length is wrong",
        DescriptorVerdict.UnsupportedVersion => "a newer program made it",
        DescriptorVerdict.Malformed => "it is malformed",
        DescriptorVerdict.Unreachable => "it names no endpoint",
        DescriptorVerdict.NotPublic => "it names an address that is not public; in a private network set network.static = true",
        DescriptorVerdict.InconsistentTimes => "its times contradict each other",
        DescriptorVerdict.TooLong => "it lives longer than this network allows",
        DescriptorVerdict.OtherNetworkKind => "it was made for the other kind of network (network.static)",
        DescriptorVerdict.NotYetValid => "it is dated in the future; check the clock",
        DescriptorVerdict.Expired => "it has expired; export it anew on its relay",
        DescriptorVerdict.TooLittleWork => "its proof of work is too small",
        DescriptorVerdict.BadSignature => "its signature does not fit",
    };
}
