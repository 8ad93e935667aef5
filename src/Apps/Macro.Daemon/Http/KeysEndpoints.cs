using Macro.Api;
using Macro.Daemon.Storage;
using Macro.Peers;

namespace Macro.Daemon.Http;

/// <summary>The operations on the key store.</summary>
static class KeysEndpoints
{
    public static void Map(WebApplication app)
    {
        app.MapGet(ApiPaths.Keys, (KeyRing keys) => Show(keys));
        app.MapPost(ApiPaths.KeysRotate, (KeyRing keys) =>
        {
            keys.RotateNow();
            return Show(keys);
        });
        app.MapPost(ApiPaths.KeysBackup, (BackupRequest request, KeyRing keys) => new BackupAnswer { File = keys.Backup(request.Passphrase) });
        app.MapPost(ApiPaths.KeysRestore, (RestoreRequest request, KeyRing keys) =>
        {
            keys.Restore(request.File, request.Passphrase);
            return new Done { Message = "restored; the node uses these keys from its next start" };
        });
    }

    static KeysAnswer Show(KeyRing keys)
    {
        var (current, next, previous) = keys.PublicRelayKeys;
        return new KeysAnswer
        {
            NodeId = keys.Identity.Id.ToString(),
            RelayKey = current.ToBase64(),
            NextRelayKey = next.ToBase64(),
            PreviousRelayKey = previous?.ToBase64(),
            SealedBy = keys.SealedBy switch
            {
                SealingMethod.Passphrase => "passphrase",
                SealingMethod.SystemdCredential => "systemd-credential",
                SealingMethod.KeyFile => "key-file",
            },
        };
    }
}
