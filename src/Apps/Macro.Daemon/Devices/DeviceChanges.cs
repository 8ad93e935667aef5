using Macro.Api;
using Macro.Linux;

namespace Macro.Daemon.Devices;

/// <summary>Makes and takes away devices, one change at a time and beside the owner thread, which never waits for it.</summary>
sealed class DeviceChanges : IDisposable
{
    readonly SemaphoreSlim _one = new(1, 1);

    /// <exception cref="NodeException">The machine refused; with what helps.</exception>
    public async Task RunAsync(Action change, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            await Task.Run(change, cancel);
        }
        catch (LinuxException e)
        {
            throw new NodeException(Explain(e), e);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    static Problem Explain(LinuxException e)
    {
        const int notPermitted = 1, accessDenied = 13, addressInUse = 98;
        return e.Errno switch
        {
            notPermitted or accessDenied => new Problem
            {
                Code = ProblemCodes.NotPermitted,
                Message = e.Message,
                Remedy = "Run macrovpnd as root or with CAP_NET_ADMIN, or set client.tunnel = \"none\" and exit.mode = \"user\".",
            },
            addressInUse => new Problem { Code = ProblemCodes.NotPermitted, Message = e.Message, Remedy = "Choose other ports with client.proxy and client.dns." },
            _ => new Problem { Code = ProblemCodes.Internal, Message = e.Message, Remedy = "Look whether another program owns the device or its routes." },
        };
    }
}
