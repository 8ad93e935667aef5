using Macro.UserMode;

namespace Macro.Daemon.Devices;

sealed class ExitNames : INameResolver
{
    public void Resolve(HostedStack stack, string isolationKey, string name, INameWaiter waiter) => waiter.HandleName(NameVerdict.Failed, []);
}
