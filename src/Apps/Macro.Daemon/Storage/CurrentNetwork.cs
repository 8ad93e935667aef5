using System.Text;
using Macro.Api;
using Macro.Core;
using Macro.Daemon.Settings;
using Macro.Peers;

namespace Macro.Daemon.Storage;

/// <summary>A network that a node can be in.</summary>
/// <param name="Seeds">Relays that the invite named.</param>
public sealed record NetworkMembership(string Name, DescriptorRules Rules, IReadOnlyList<Seed> Seeds)
{
    /// <summary>Without discovery: its relays come in files.</summary>
    public bool IsStatic => Rules.Static;

    public NetworkKind Kind => IsStatic ? NetworkKind.Static : Rules.Network.IsPrivate ? NetworkKind.Private : NetworkKind.Public;
}

/// <summary>
/// The network that this node is in: the one that was made or joined, else that of the settings. What was joined stands in the
/// key store, as the secret "network": the network key, 32 bytes, then name and invite link in UTF-8, a line break between them.
/// Thread-safe.
/// </summary>
public sealed class CurrentNetwork
{
    const string SecretName = "network";

    readonly Lock _lock = new();
    readonly KeyRing _keys;
    readonly NetworkSection _settings;
    readonly IRandom _random;

    public CurrentNetwork(KeyRing keys, NodeSettings settings, IRandom random)
    {
        (_keys, _settings, _random) = (keys, settings.Network, random);
        Current = Read() ?? OfSettings();
    }

    public NetworkMembership Current { get; private set; }

    /// <summary>Raised, on the caller's thread, when <see cref="Current"/> is another network.</summary>
    public event Action? Changed;

    /// <summary>A new network with this node as its first member.</summary>
    public NetworkMembership Create(string name)
    {
        if (Encoding.UTF8.GetByteCount(name) is 0 or > InviteLink.MaxName || name.Any(char.IsControl))
            throw new NodeException(ProblemCodes.BadRequest, "A network's name has 1 to 64 bytes and no control characters.", "Take another one.");
        return Enter(new NetworkMembership(name, DescriptorRules.For(NetworkKey.Generate(_random)), []), "");
    }

    public NetworkMembership Join(string link)
    {
        if (InviteLink.TryParse(link) is not { } invite)
            throw new NodeException(ProblemCodes.BadInvite, "This is not an invite link, or a part of it is missing.", "Take the whole line that 'macrovpn invite' printed.");
        if (_settings.Local && !invite.Network.IsPrivate)
            throw new NodeException(ProblemCodes.BadInvite, "The link is of the public network, and this node's settings keep it on this machine.", "Remove network.local.");
        return Enter(new NetworkMembership(invite.Name, DescriptorRules.For(invite.Network), invite.Seeds), link);
    }

    /// <summary>Back to the network of the settings.</summary>
    public NetworkMembership Leave()
    {
        lock (_lock)
        {
            _keys.SetSecret(SecretName, default);
            Current = OfSettings();
        }
        Changed?.Invoke();
        return Current;
    }

    NetworkMembership Enter(NetworkMembership membership, string link)
    {
        if (_settings.Static)
            throw new NodeException(ProblemCodes.WrongState, "The settings put this node into a static network.", "Remove network.static and start the node again.");
        lock (_lock)
        {
            _keys.SetSecret(SecretName, [.. membership.Rules.Network.Bytes, .. Encoding.UTF8.GetBytes($"{membership.Name}\n{link}")]);
            Current = membership;
        }
        Changed?.Invoke();
        return membership;
    }

    NetworkMembership? Read()
    {
        using var secret = _settings.Static ? null : _keys.CopySecret(SecretName);
        if (secret is null || secret.Length <= NetworkKey.Size)
            return null;
        var text = Encoding.UTF8.GetString(secret.Span[NetworkKey.Size..]).Split('\n');
        var rules = DescriptorRules.For(NetworkKey.FromBytes(secret.Span[..NetworkKey.Size]));
        return new NetworkMembership(text[0], rules, text.Length > 1 && InviteLink.TryParse(text[1]) is { } invite ? invite.Seeds : []);
    }

    /// <summary>A node that is kept on its machine is in no network of others until it joins one.</summary>
    NetworkMembership OfSettings() =>
        new(_settings.Name, _settings.Static || _settings.Local ? DescriptorRules.ForStatic(_settings.Name) : DescriptorRules.Public, []);
}
